/* SPDX-License-Identifier: Apache-2.0 */
/* What test_library.py builds against the installed library: each operation once at the servers it is given. */
#include <larder/larder.h>
#include <stdio.h>
#include <string.h>

static int failed;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, result.message);                               \
            failed = 1;                                                                                                \
        }                                                                                                              \
    } while (0)

enum { KEYS = 100 };

static void count_answer(void *ctx, size_t index, const struct larder_answer *answer) {
    (void)index;
    *(int *)ctx += answer->status == LARDER_DONE && answer->value_size > 0;
}

static void one_key(struct larder_cache *cache) {
    struct larder_result result = LARDER_RESULT_INIT;
    char buffer[4];
    uint64_t cas;

    EXPECT(larder_cache_get(cache, "k", 1, &result) == LARDER_MISS);
    EXPECT(larder_cache_replace(cache, "k", 1, "x", 1, 0, 0, &result) == LARDER_NOT_STORED);
    EXPECT(larder_cache_set(cache, "k", 1, "a\r\nb", 4, 0, 7, &result) == LARDER_STORED);
    EXPECT(larder_cache_add(cache, "k", 1, "x", 1, 0, 0, &result) == LARDER_NOT_STORED);
    EXPECT(larder_cache_append(cache, "k", 1, ">", 1, &result) == LARDER_STORED);
    EXPECT(larder_cache_prepend(cache, "k", 1, "<", 1, &result) == LARDER_STORED);
    EXPECT(larder_cache_gets(cache, "k", 1, &result) == LARDER_HIT);
    EXPECT(result.value_size == 6 && strcmp(result.value, "<a\r\nb>") == 0 && result.flags == 7);
    cas = result.cas;
    EXPECT(larder_cache_get_into(cache, "k", 1, buffer, sizeof(buffer), &result) == LARDER_ERR_TOO_SMALL);
    EXPECT(result.value_size == 6);
    EXPECT(larder_cache_cas(cache, "k", 1, "1", 1, 0, 0, cas, &result) == LARDER_STORED);
    EXPECT(larder_cache_cas(cache, "k", 1, "2", 1, 0, 0, cas, &result) == LARDER_EXISTS);
    EXPECT(larder_cache_get_into(cache, "k", 1, buffer, sizeof(buffer), &result) == LARDER_HIT);
    EXPECT(result.value == buffer && result.value_size == 1 && buffer[0] == '1');
    EXPECT(larder_cache_incr(cache, "k", 1, 41, &result) == LARDER_COUNTED && result.number == 42);
    EXPECT(larder_cache_decr(cache, "k", 1, 100, &result) == LARDER_COUNTED && result.number == 0);
    EXPECT(larder_cache_touch(cache, "k", 1, 3600, &result) == LARDER_TOUCHED);
    EXPECT(larder_cache_gat(cache, "k", 1, 60LL * 60 * 24 * 365, &result) == LARDER_HIT && result.cas != 0);
    EXPECT(larder_cache_delete(cache, "k", 1, &result) == LARDER_DELETED);
    EXPECT(larder_cache_delete(cache, "k", 1, &result) == LARDER_NOT_FOUND);
    EXPECT(larder_cache_incr(cache, "k", 1, 1, &result) == LARDER_NOT_FOUND);
    larder_result_free(&result);
}

static void many_keys(struct larder_cache *cache) {
    static struct larder_result results[KEYS];
    static char names[KEYS][16];
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_key keys[KEYS];
    struct larder_batch *batch;
    int told = 0;

    EXPECT(larder_batch_new(cache, &batch) == LARDER_DONE);
    for (int i = 0; i < KEYS; i++) {
        keys[i].data = names[i];
        keys[i].size = (size_t)snprintf(names[i], sizeof(names[i]), "key-%d", i);
        if (i % 2 == 0) {
            EXPECT(larder_batch_set(batch, keys[i].data, keys[i].size, names[i], keys[i].size, 0, 0) == LARDER_DONE);
        }
    }
    EXPECT(larder_batch_run(batch, NULL, NULL) == LARDER_DONE);
    EXPECT(larder_cache_get_many(cache, keys, KEYS, results) == LARDER_DONE);
    for (int i = 0; i < KEYS; i++) {
        EXPECT(results[i].status == (i % 2 == 0 ? LARDER_HIT : LARDER_MISS));
        EXPECT(i % 2 != 0 || strcmp(results[i].value, names[i]) == 0);
        larder_result_free(&results[i]);
    }
    EXPECT(larder_batch_touch(batch, "absent", 6, 1) == LARDER_DONE);
    EXPECT(larder_batch_delete(batch, "absent", 6) == LARDER_DONE);
    EXPECT(larder_batch_run(batch, NULL, NULL) == LARDER_NOT_FOUND);
    larder_batch_free(batch);
    EXPECT(larder_cache_versions(cache, count_answer, &told) == LARDER_DONE && told > 0);
    EXPECT(larder_cache_stats(cache, count_answer, &told) == LARDER_DONE && told > 20);
    EXPECT(larder_cache_flush(cache, 0, &result) == LARDER_DONE);
    EXPECT(larder_cache_get(cache, "key-0", 5, &result) == LARDER_MISS);
}

/* Reads a key of each server whenever a line comes in: what the test did to the servers before it is seen. */
static void again(struct larder_cache *cache) {
    struct larder_result result = LARDER_RESULT_INIT;
    char line[16];

    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        int answered = 0;

        for (int i = 0; i < KEYS; i++) {
            size_t size = (size_t)snprintf(line, sizeof(line), "key-%d", i);

            answered += larder_cache_get(cache, line, size, &result) == LARDER_MISS;
        }
        printf("%d\n", answered);
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    struct larder_result result = LARDER_RESULT_INIT;
    struct larder_cache *cache;

    EXPECT(argc == 2 && larder_cache_new(argv[1], NULL, &cache, result.message) == LARDER_DONE);
    if (!failed) {
        one_key(cache);
        many_keys(cache);
        again(cache);
        larder_cache_free(cache);
    }
    return failed;
}
