/* SPDX-License-Identifier: Apache-2.0 */
/* What a hit of the near cache costs: near ENDPOINTS [KEYS [READS]]. Puts keys of 8 bytes with values of 64, reads them until all are
 * in memory, and then measures reads of them in turn, by one thread, three times. Prints a JSON object for each time and freshness: nanoseconds for each read, elapsed and of the thread's processor time. */
#include <inttypes.h>
#include <larder/near.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_SIZE = 8, VALUE_SIZE = 64, ROUNDS = 3, DEFAULT_KEYS = 1000, DEFAULT_READS = 5000000 };

static int64_t now_ns(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void write_key(char *keys, unsigned i) {
    char text[KEY_SIZE + 1];

    snprintf(text, sizeof(text), "k%07u", i % 10000000);
    memcpy(keys + (size_t)i * KEY_SIZE, text, KEY_SIZE);
}

/* False: it could not be put. */
static bool fill(struct larder_near *near, const char *keys, unsigned count) {
    struct larder_near_value value = LARDER_NEAR_VALUE_INIT;
    char text[VALUE_SIZE];
    bool good = true;

    memset(text, 'v', sizeof(text));
    for (unsigned i = 0; i < count && good; i++) {
        const char *key = keys + (size_t)i * KEY_SIZE;

        good = larder_etcd_put(larder_near_etcd(near), key, KEY_SIZE, text, sizeof(text), 0, NULL) == LARDER_STORED;
        while (good && !value.from_memory) {
            good = larder_near_get(near, key, KEY_SIZE, LARDER_NEAR_CACHED, 0, &value) == LARDER_HIT;
        }
        value.from_memory = false;
    }
    larder_near_value_free(&value);
    return good;
}

static void measure(struct larder_near *near, const char *keys, unsigned count, uint64_t reads,
                    enum larder_near_freshness freshness, const char *name) {
    struct larder_near_value value = LARDER_NEAR_VALUE_INIT;
    uint64_t elsewhere = 0, sum = 0;
    int64_t start = now_ns(CLOCK_MONOTONIC), cpu_start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    double count_of_reads = (double)reads;

    for (uint64_t i = 0; i < reads; i++) {
        (void)larder_near_get(near, keys + (i % count) * KEY_SIZE, KEY_SIZE, freshness, 5000, &value);
        elsewhere += !value.from_memory;
        sum += value.value_size;
    }
    printf("{\"freshness\": \"%s\", \"elapsed_ns\": %.1f, \"cpu_ns\": %.1f, \"elsewhere\": %" PRIu64
           ", \"right\": %s}\n",
           name, (double)(now_ns(CLOCK_MONOTONIC) - start) / count_of_reads,
           (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start) / count_of_reads, elsewhere,
           sum == reads * VALUE_SIZE ? "true" : "false");
    larder_near_value_free(&value);
}

int main(int argc, char **argv) {
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : DEFAULT_KEYS;
    uint64_t reads = argc > 3 ? strtoull(argv[3], NULL, 10) : DEFAULT_READS;
    char *keys = malloc((size_t)count * KEY_SIZE);
    char why[LARDER_MESSAGE_MAX] = "";
    struct larder_near *near;

    if (keys == NULL || count == 0 ||
        larder_near_new(argc > 1 ? argv[1] : "127.0.0.1:2379", NULL, NULL, &near, why) != LARDER_DONE) {
        fprintf(stderr, "%s\n", why);
        free(keys);
        return 1;
    }
    for (unsigned i = 0; i < count; i++) {
        write_key(keys, i);
    }
    if (fill(near, keys, count)) {
        for (int i = 0; i < ROUNDS; i++) {
            measure(near, keys, count, reads, LARDER_NEAR_CACHED, "cached");
            measure(near, keys, count, reads, LARDER_NEAR_MAX_STALE, "max_stale");
        }
    } else {
        fputs("the keys could not be put and read\n", stderr);
    }
    larder_near_free(near);
    free(keys);
    return 0;
}
