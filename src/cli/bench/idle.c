/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/idle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench/dial.h"
#include "cli/bench/process.h"

static bool open_all(struct idle *idle, const struct endpoint *endpoint, size_t count) {
    while (idle->count < count) {
        int fd = dial(endpoint);

        if (fd < 0) {
            fprintf(stderr, "larder bench: idle connection %zu of %zu: %s\n", idle->count + 1, count, strerror(errno));
            return false;
        }
        idle->fds[idle->count++] = fd;
        /* Only an answer proves that the server has accepted it and made what it needs for it. */
        if (!dial_is_served(fd)) {
            fprintf(stderr, "larder bench: idle connection %zu of %zu is not served\n", idle->count, count);
            return false;
        }
    }
    return true;
}

bool idle_open(struct idle *idle, const struct endpoint *endpoint, size_t count, uint64_t pid) {
    *idle = (struct idle){.fds = calloc(count, sizeof(int))};
    if (idle->fds == NULL) {
        fputs("larder bench: out of memory\n", stderr);
        return false;
    }
    idle->measured = pid != 0 && process_resident(pid, &idle->resident_before) == LARDER_OK;
    if (!open_all(idle, endpoint, count)) {
        idle_close(idle);
        return false;
    }
    idle->measured = idle->measured && process_resident(pid, &idle->resident_after) == LARDER_OK;
    return true;
}

void idle_check(struct idle *idle) {
    idle->unserved = 0;
    for (size_t i = 0; i < idle->count; i++) {
        idle->unserved += !dial_is_served(idle->fds[i]);
    }
}

void idle_close(struct idle *idle) {
    for (size_t i = 0; i < idle->count; i++) {
        close(idle->fds[i]);
    }
    free(idle->fds);
    idle->fds = NULL;
    idle->count = 0;
}
