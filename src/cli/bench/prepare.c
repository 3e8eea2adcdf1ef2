/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/prepare.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/bench/dial.h"
#include "cli/bench/process.h"

/* The threads come later and inherit it. */
static bool pin(const struct pins *pins) {
    cpu_set_t set;

    if (pins->count == 0) {
        return true;
    }
    CPU_ZERO(&set);
    for (int i = 0; i < pins->count; i++) {
        CPU_SET((size_t)pins->cpus[i], &set);
    }
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        fprintf(stderr, "larder bench: --pin: %s\n", strerror(errno));
        return false;
    }
    return true;
}

static void allow_descriptors(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit); /* a refusal shows when descriptors run out */
    }
}

bool prepare_process(const struct pins *pins) {
    allow_descriptors();
    return pin(pins);
}

/* The field Host; a socket in the file system has no name of that kind. */
static void set_host(struct subject *subject) {
    if (subject->address.kind == ADDRESS_UNIX) {
        strcpy(subject->host, "localhost");
    } else {
        address_format(&subject->address, subject->host);
    }
}

bool subject_find(struct subject *ret_subject, const struct address *address, uint64_t pid, bool http) {
    uint64_t ns;

    *ret_subject = (struct subject){.address = *address, .pid = pid};
    set_host(ret_subject);
    if (pid != 0 && process_cpu_ns(pid, &ns) != LARDER_OK) {
        fprintf(stderr, "larder bench: there is no process %" PRIu64 " to look at\n", pid);
        return false;
    }
    return dial_choose(address, http, &ret_subject->endpoint);
}
