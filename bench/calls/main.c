/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a client library of memcached, one after the other, on one connection to each server. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "calls.h"

enum { VALUE_SIZE = 64, SPREAD = 1000 /* keys that single gets go over */ };

#define MS_MAX 600000

static const char usage[] =
    "usage: calls_larder|calls_libmemcached SERVERS KEYS WARMUP_MS TIME_MS\n"
    "\n"
    "Stores 1,000 keys, then gets KEYS of them by each call (1: a plain get), one call after the "
    "other, for so long.\n"
    "CALLS_TRACED in the environment: liblarder tells of its calls as the variables OTEL_* say.\n"
    "One JSON object: the calls, and what they took of wall clock and of the process's CPU time.\n"
    "\n"
    "Exit codes: 0 all was found, 1 it was not, 2 the arguments make no sense.\n";

struct keys {
    char text[SPREAD][KEY_ROOM];
    const char *data[2 * SPREAD]; /* twice, so that a run of them may begin anywhere */
    size_t sizes[2 * SPREAD];
};

static int64_t now_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t cpu_us(void) {
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec +
           used.ru_stime.tv_usec;
}

static bool fill(struct calls *c, struct keys *keys) {
    char value[VALUE_SIZE];

    memset(value, 'v', sizeof(value));
    for (size_t i = 0; i < 2 * SPREAD; i++) {
        size_t at = i % SPREAD;

        keys->sizes[i] = (size_t)snprintf(keys->text[at], KEY_ROOM, "calls-%04zu", at);
        keys->data[i] = keys->text[at];
        if (i < SPREAD && !calls_set(c, keys->data[i], keys->sizes[i], value, sizeof(value))) {
            return false;
        }
    }
    return true;
}

/* How many calls, or -1. */
static int64_t run(struct calls *c, const struct keys *keys, size_t count, int64_t time_us) {
    int64_t end = now_us() + time_us, calls = 0;
    size_t at = 0;

    do {
        bool good = count == 1 ? calls_get(c, keys->data[at], keys->sizes[at], VALUE_SIZE)
                               : calls_get_many(c, keys->data + at, keys->sizes + at, count, VALUE_SIZE);

        if (!good) {
            return -1;
        }
        at = (at + count) % SPREAD;
        calls++;
    } while (now_us() < end);
    return calls;
}

static bool parse(const char *word, uint64_t most, int64_t *ret_number) {
    char *end;
    unsigned long long number = strtoull(word, &end, 10);

    *ret_number = (int64_t)number;
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && number <= most;
}

int main(int argc, char **argv) {
    static struct keys keys;
    int64_t count, warmup_ms, time_ms, calls, wall, cpu;
    struct calls *c;

    if (argc != 5 || !parse(argv[2], SPREAD, &count) || count == 0 || !parse(argv[3], MS_MAX, &warmup_ms) ||
        !parse(argv[4], MS_MAX, &time_ms)) {
        fputs(usage, stderr);
        return 2;
    }
    c = calls_open(argv[1]);
    if (c == NULL || !fill(c, &keys) || run(c, &keys, (size_t)count, warmup_ms * 1000) < 0) {
        return 1;
    }
    wall = now_us();
    cpu = cpu_us();
    calls = run(c, &keys, (size_t)count, time_ms * 1000);
    cpu = cpu_us() - cpu;
    wall = now_us() - wall;
    calls_close(c);
    if (calls < 0) {
        return 1;
    }
    printf("{\"calls\": %" PRId64 ", \"wall_us\": %" PRId64 ", \"cpu_us\": %" PRId64 "}\n", calls, wall, cpu);
    return 0;
}
