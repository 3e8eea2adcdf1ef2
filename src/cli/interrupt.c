/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

#include "base/clock.h"

int interrupt_catch(void) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool interrupt_wait(int fd, int64_t wait_ns) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    const struct timespec wait = {.tv_sec = wait_ns / CLOCK_NS_PER_S, .tv_nsec = wait_ns % CLOCK_NS_PER_S};

    return ppoll(&poll_fd, 1, &wait, NULL) > 0;
}
