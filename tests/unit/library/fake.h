/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_LIBRARY_FAKE_H
#define TESTS_UNIT_LIBRARY_FAKE_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FAKE_PATIENCE_MS = 20000 };

/* A server that says to each line what its script has for it, whatever the line is. One thread, one connection at a time
 * after another; a script's entry may be NULL: it closes, or "": it says nothing. After its end it says the last one again. */
struct fake {
    int listener;
    char name[32];
    const char *const *script;
    size_t count;
    size_t at;
    _Atomic int connections;
    _Atomic int current; /* the connection; -1: none */
    pthread_t thread;
};

static inline bool fake_line(int fd) {
    char byte;

    while (recv(fd, &byte, 1, 0) == 1) {
        if (byte == '\n') {
            return true;
        }
    }
    return false;
}

static inline void *fake_run(void *arg) {
    struct fake *f = arg;
    int fd;

    while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
        atomic_store(&f->current, fd);
        atomic_fetch_add(&f->connections, 1);
        while (fake_line(fd)) {
            const char *say = f->script[f->at < f->count ? f->at++ : f->count - 1];

            if (say == NULL) {
                break;
            }
            (void)!send(fd, say, strlen(say), MSG_NOSIGNAL);
        }
        atomic_store(&f->current, -1);
        close(fd);
    }
    return NULL;
}

static inline void fake_start(struct fake *f, const char *const *script, size_t count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    memset(f, 0, sizeof(*f));
    f->script = script;
    f->count = count;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(f->listener >= 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(f->listener, 64), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(f->name, sizeof(f->name), "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

/* Closes the connection there is, which is idle. */
static inline void fake_hang_up(struct fake *f) {
    shutdown(atomic_load(&f->current), SHUT_RDWR);
}

/* Until it has taken so many connections: on a busy machine it may be behind its clients. */
static inline void fake_await(struct fake *f, int connections) {
    for (int i = 0; i < FAKE_PATIENCE_MS && atomic_load(&f->connections) < connections; i++) {
        (void)poll(NULL, 0, 1);
    }
}

/* After the clients have closed. */
static inline void fake_stop(struct fake *f) {
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->listener);
}

#endif
