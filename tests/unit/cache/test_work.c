/* SPDX-License-Identifier: Apache-2.0 */
/* No request pays for the growth of the table: what one store does is counted, never timed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/table.h"

enum { NOW = 10, VALUE = 64 };

/* Entries that the shard looked after besides the one that was stored. */
static uint64_t work_of(const struct shard *s) {
    const struct shard_counts *c = &s->counts;

    return c->evicted_small + c->evicted_main + c->expired + c->moved;
}

static uint64_t most_work(struct table *t, uint64_t keys, uint64_t steps, uint32_t now) {
    struct shard *s = &t->shards[0];
    struct random r;
    uint64_t most = 0;

    random_init(&r, 1);
    for (uint64_t i = 0; i < steps; i++) {
        char text[32];
        uint64_t number = i < keys ? i : random_below(&r, random_below(&r, keys * 4) + 1);
        int length = snprintf(text, sizeof(text), "%012llu", (unsigned long long)number);
        struct slice key = slice_make(text, (size_t)length);
        uint64_t hash = table_hash(t, key);
        uint64_t before = work_of(s);
        size_t buckets = s->index.buckets;
        struct entry *e = shard_find(s, hash, key, now, NULL);

        if (e != NULL) {
            entry_read(e, now);
            continue;
        }
        e = shard_put(s, hash, key, &(struct shard_put){.value_size = VALUE, .expires = i % 7 == 0 ? now + 5 : 0}, now);
        assert_non_null(e);
        assert_in_range(s->index.buckets - buckets, 0, 1);
        if (work_of(s) - before > most) {
            most = work_of(s) - before;
        }
        assert_true(s->charged <= s->budget);
    }
    return most;
}

static void one_store_does_a_few_segments_work(void **state) {
    enum { SEGMENTS = 20 };
    const struct table_config config = {.memory = 16 << 20, .max_item = 64 << 10, .seed = 42};
    struct table t;
    uint64_t per_segment;
    uint64_t most;
    (void)state;

    assert_int_equal(table_init(&t, &config), LARDER_OK);
    assert_int_equal(t.shard_count, 1);
    per_segment = t.shards[0].segment_size / entry_size_for(12, VALUE);
    most = most_work(&t, 120000, 600000, NOW);
    assert_true(work_of(&t.shards[0]) > 200000);
    if (most > SEGMENTS * per_segment) {
        fail_msg("one store looked after %llu entries, %llu fit a segment", (unsigned long long)most,
                 (unsigned long long)per_segment);
    }
    /* The same when all of them are over at once. */
    most = most_work(&t, 1000, 400000, NOW + 1000);
    assert_true(most <= SEGMENTS * per_segment);
    table_fini(&t);
}

/* The index grows by a page, and never by more at a time. */
static void growth_takes_a_page_at_a_time(void **state) {
    const struct table_config config = {.memory = 8 << 20, .max_item = 64 << 10, .seed = 42};
    struct table t;
    struct shard *s;
    (void)state;

    assert_int_equal(table_init(&t, &config), LARDER_OK);
    s = &t.shards[0];
    for (uint64_t i = 0; i < 60000; i++) {
        size_t index = s->index_bytes;
        char text[32];
        struct slice key = slice_make(text, (size_t)snprintf(text, sizeof(text), "%012llu", (unsigned long long)i));

        assert_non_null(shard_put(s, table_hash(&t, key), key, &(struct shard_put){.value_size = VALUE}, NOW));
        assert_true(s->index_bytes - index <= 2 * s->segment_size);
    }
    assert_true(s->index_bytes > 4 * s->segment_size);
    table_fini(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_store_does_a_few_segments_work),
        cmocka_unit_test(growth_takes_a_page_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
