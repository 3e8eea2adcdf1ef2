/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/table.h"

enum { NOW = 10 };

static void start(struct table *t, uint64_t memory, uint64_t max_item) {
    const struct table_config config = {.memory = memory, .max_item = max_item, .seed = 42};

    assert_int_equal(table_init(t, &config), LARDER_OK);
}

static struct slice numbered_key(char text[32], uint64_t number) {
    return slice_make(text, (size_t)snprintf(text, 32, "key:%llu", (unsigned long long)number));
}

/* A value that a reader can check: the key's number in every eighth byte, then a tail. */
static void fill(char *value, uint32_t size, uint64_t stamp) {
    for (uint32_t i = 0; i < size; i++) {
        value[i] = (char)(stamp >> (i % 8 * 8));
    }
}

static bool put(struct table *t, struct slice key, uint32_t size, uint64_t stamp, uint32_t expires, uint32_t now) {
    uint64_t hash = table_hash(t, key);
    struct shard *s = table_lock(t, hash);
    struct entry *e = shard_put(s, hash, key, &(struct shard_put){.value_size = size, .expires = expires}, now);

    if (e != NULL) {
        fill(entry_value(e), size, stamp);
    }
    table_unlock(s);
    return e != NULL;
}

/* -1: absent; 0: present with other contents; 1: as expected. */
static int check(struct table *t, struct slice key, uint32_t size, uint64_t stamp, uint32_t now) {
    uint64_t hash = table_hash(t, key);
    struct shard *s = table_lock(t, hash);
    struct entry *e = shard_find(s, hash, key, now, NULL);
    int found = -1;

    if (e != NULL) {
        char *expected = malloc(size + 1);

        fill(expected, size, stamp);
        found = e->value_size == size && memcmp(entry_value(e), expected, size) == 0;
        entry_read(e, now);
        free(expected);
    }
    table_unlock(s);
    return found;
}

static void drop(struct table *t, struct slice key, uint32_t now) {
    uint64_t hash = table_hash(t, key);
    struct shard *s = table_lock(t, hash);
    struct entry *e = shard_find(s, hash, key, now, NULL);

    if (e != NULL) {
        shard_remove(s, hash, e);
    }
    table_unlock(s);
}

/* What must always be true of a shard, found out the slow way. */
static void check_invariants(struct table *t) {
    for (unsigned i = 0; i < t->shard_count; i++) {
        struct shard *s = &t->shards[i];
        size_t bytes = 0;
        size_t live = 0;
        size_t items = 0;

        assert_true(s->charged <= s->budget);
        assert_non_null(s->reserve);
        for (int id = 0; id < QUEUE_COUNT; id++) {
            size_t dead = 0;

            for (struct segment *segment = s->queues[id].oldest; segment != NULL; segment = segment->newer) {
                size_t segment_live = 0;

                assert_int_equal(segment->queue, id);
                for (struct entry *e = segment_first(segment); e < segment_end(segment); e = entry_next(e)) {
                    if ((e->bits & ENTRY_DEAD) != 0) {
                        continue;
                    }
                    segment_live += entry_footprint(e);
                    items++;
                    assert_ptr_equal(index_find(&s->index, table_hash(t, entry_key(e)), entry_key(e)), e);
                    assert_true(e->expires == ENTRY_NEVER ||
                                (segment->next_expiry != ENTRY_NEVER && segment->next_expiry <= e->expires));
                }
                assert_int_equal(segment_live, segment->live);
                bytes += segment->size;
                dead += segment_dead(segment);
                live += segment_live;
            }
            assert_int_equal(dead, s->queues[id].dead);
        }
        assert_int_equal(items, s->index.items);
        assert_int_equal(live, s->live_bytes);
        bytes +=
            (s->spares + 1) * s->segment_size + s->index_bytes + s->ghost_bytes + s->ghost_fund + s->large_spare_bytes;
        assert_int_equal(bytes, s->charged);
    }
}

static void stores_and_finds(void **state) {
    struct table t;
    (void)state;

    start(&t, 8 << 20, 1 << 20);
    assert_int_equal(check(&t, SLICE("a"), 3, 1, NOW), -1);
    assert_true(put(&t, SLICE("a"), 3, 1, ENTRY_NEVER, NOW));
    assert_int_equal(check(&t, SLICE("a"), 3, 1, NOW), 1);
    assert_true(put(&t, SLICE("a"), 3, 2, ENTRY_NEVER, NOW));
    assert_int_equal(check(&t, SLICE("a"), 3, 2, NOW), 1);
    assert_true(put(&t, SLICE("a"), 300, 3, ENTRY_NEVER, NOW));
    assert_int_equal(check(&t, SLICE("a"), 300, 3, NOW), 1);
    drop(&t, SLICE("a"), NOW);
    assert_int_equal(check(&t, SLICE("a"), 300, 3, NOW), -1);
    check_invariants(&t);
    table_fini(&t);
}

static void an_entry_ends_with_its_second(void **state) {
    struct table t;
    (void)state;

    start(&t, 1 << 20, 1 << 10);
    assert_true(put(&t, SLICE("a"), 3, 1, NOW + 2, NOW));
    assert_int_equal(check(&t, SLICE("a"), 3, 1, NOW + 1), 1);
    assert_int_equal(check(&t, SLICE("a"), 3, 1, NOW + 2), -1);
    check_invariants(&t);
    table_fini(&t);
}

/* Everything that a table can be asked, at random, against a plain array; what eviction takes may be missing, but what is
 * there must be the latest. */
static void agrees_with_a_model(void **state) {
    enum { KEYS = 20000, STEPS = 400000 };
    struct model {
        uint64_t stamp;
        uint32_t size;
        uint32_t expires;
        bool present;
    } *model = calloc(KEYS, sizeof(*model));
    (void)state;

    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct table t;
        struct random r;
        uint32_t now = NOW;
        uint64_t found = 0;

        random_init(&r, seed);
        start(&t, 4 << 20, 256 << 10);
        memset(model, 0, KEYS * sizeof(*model));
        for (uint64_t step = 1; step <= STEPS; step++) {
            uint64_t number = random_below(&r, random_below(&r, KEYS) + 1);
            struct model *m = &model[number];
            uint64_t dice = random_below(&r, 1000);
            char text[32];
            struct slice key = numbered_key(text, number);

            if (m->expires != ENTRY_NEVER && m->expires <= now) {
                m->present = false;
            }
            if (dice < 500) {
                int got = check(&t, key, m->size, m->stamp, now);

                assert_int_not_equal(got, 0);
                assert_false(got == 1 && !m->present);
                found += got == 1;
            } else if (dice < 940) {
                uint32_t size = (uint32_t)random_below(&r, dice < 510 ? 100000 : dice < 600 ? 6000 : 300);
                uint32_t expires = dice % 4 == 0 ? now + 1 + (uint32_t)random_below(&r, 20) : ENTRY_NEVER;

                if (put(&t, key, size, step, expires, now)) {
                    *m = (struct model){.stamp = step, .size = size, .expires = expires, .present = true};
                }
            } else if (dice < 990) {
                drop(&t, key, now);
                m->present = false;
            } else if (dice < 998) {
                now += random_below(&r, 10) == 0;
            } else {
                table_sweep(&t, now);
            }
            if (step % 20000 == 0) {
                check_invariants(&t);
            }
        }
        assert_true(found > STEPS / 20);
        table_clear(&t);
        check_invariants(&t);
        for (uint64_t number = 0; number < KEYS; number++) {
            char text[32];

            assert_int_equal(check(&t, numbered_key(text, number), 0, 0, now), -1);
        }
        table_fini(&t);
    }
    free(model);
}

static void the_budget_is_hard(void **state) {
    struct table t;
    struct table_stats stats;
    (void)state;

    start(&t, 2 << 20, 64 << 10);
    for (uint64_t i = 0; i < 100000; i++) {
        char text[32];

        assert_true(put(&t, numbered_key(text, i), 64, i, ENTRY_NEVER, NOW));
        table_get_stats(&t, &stats);
        assert_true(stats.memory_used <= stats.memory_limit);
    }
    assert_true(stats.items > 8000); /* of about 104 bytes each, index and ghost beside them */
    assert_true(stats.counts.evicted_small + stats.counts.evicted_main == 100000 - stats.items);
    check_invariants(&t);
    table_fini(&t);
}

static void expired_memory_comes_back(void **state) {
    struct table t;
    struct table_stats before;
    struct table_stats after;
    (void)state;

    start(&t, 32 << 20, 1 << 20);
    for (uint64_t i = 0; i < 100000; i++) {
        char text[32];

        put(&t, numbered_key(text, i), 100, i, i % 4 == 0 ? ENTRY_NEVER : NOW + 1, NOW);
    }
    table_get_stats(&t, &before);
    assert_int_equal(before.items, 100000);
    table_sweep(&t, NOW + 1);
    table_sweep(&t, NOW + 1);
    table_get_stats(&t, &after);
    assert_int_equal(after.items, 25000);
    assert_int_equal(after.counts.expired, 75000);
    /* Whole segments come back, not only entries: at most a quarter of what is left is loose. */
    assert_true(after.memory_segments < before.memory_segments / 2);
    check_invariants(&t);
    table_fini(&t);
}

static void used_entries_outlive_a_scan(void **state) {
    enum { HOT = 2000, SCAN = 200000 };
    struct table t;
    unsigned kept = 0;
    (void)state;

    start(&t, 2 << 20, 64 << 10);
    for (uint64_t i = 0; i < SCAN; i++) {
        char text[32];
        uint64_t hot = i % HOT;

        if (check(&t, numbered_key(text, hot), 64, hot, NOW) < 0) {
            put(&t, numbered_key(text, hot), 64, hot, ENTRY_NEVER, NOW);
        }
        put(&t, numbered_key(text, 1000000 + i), 64, i, ENTRY_NEVER, NOW);
        put(&t, numbered_key(text, 9000000 + i), 64, i, ENTRY_NEVER, NOW);
    }
    for (uint64_t i = 0; i < HOT; i++) {
        char text[32];

        kept += check(&t, numbered_key(text, i), 64, i, NOW) == 1;
    }
    assert_true(kept > HOT * 9 / 10);
    table_fini(&t);
}

static void a_large_value_outlives_its_entry(void **state) {
    enum { SIZE = 200000 };
    struct table t;
    struct table_stats stats;
    struct entry *e;
    struct shard *s;
    uint64_t hash;
    struct blob *blob;
    const char *value;
    (void)state;

    start(&t, 8 << 20, 1 << 20);
    hash = table_hash(&t, SLICE("big"));
    assert_true(put(&t, SLICE("big"), SIZE, 7, ENTRY_NEVER, NOW));
    s = table_lock(&t, hash);
    e = shard_find(s, hash, SLICE("big"), NOW, NULL);
    value = entry_value(e);
    blob = &shard_segment_of(s, e)->blob;
    blob_ref(blob);
    table_unlock(s);
    drop(&t, SLICE("big"), NOW);
    table_get_stats(&t, &stats);
    assert_int_equal(stats.items, 0);
    assert_true(stats.memory_large >= SIZE);
    for (int i = 0; i < SIZE; i++) {
        assert_int_equal(value[i], i % 8 == 0 ? 7 : 0);
    }
    blob_unref(blob);
    table_get_stats(&t, &stats);
    assert_int_equal(stats.memory_large, 0);
    check_invariants(&t);
    table_fini(&t);
}

/* In a cluster two nodes give no key the same number. */
static void numbers_begin_where_the_seed_says(void **state) {
    uint64_t first[2];
    (void)state;

    for (uint64_t i = 0; i < 2; i++) {
        const struct table_config config = {
            .memory = 4 << 20, .max_item = 1 << 20, .seed = 3, .cas_seed = 77 + i * 1000};
        struct shard_put with = {.group = 256, .era = 127};
        struct table t;
        struct shard *s;
        struct entry *e;

        assert_int_equal(table_init(&t, &config), LARDER_OK);
        s = table_lock(&t, table_hash(&t, SLICE("k")));
        e = shard_put(s, table_hash(&t, SLICE("k")), SLICE("k"), &with, NOW);
        first[i] = e->cas;
        assert_true(e->cas > 1000 && e->cas < UINT64_C(1) << TABLE_CAS_BITS);
        /* The group and the era of an entry go where it goes. */
        e = shard_resize(s, table_hash(&t, SLICE("k")), SLICE("k"), 100000, NOW);
        assert_int_equal(e->group, 256);
        assert_int_equal(e->era, 127);
        assert_int_equal(e->cas, first[i] + 1);
        table_unlock(s);
        table_fini(&t);
    }
    assert_int_not_equal(first[0], first[1]);
}

static void resizing_keeps_the_value(void **state) {
    struct table t;
    struct shard *s;
    uint64_t hash;
    struct entry *e;
    (void)state;

    start(&t, 4 << 20, 1 << 20);
    hash = table_hash(&t, SLICE("k"));
    put(&t, SLICE("k"), 1, 5, ENTRY_NEVER, NOW);
    for (uint32_t size = 2; size < 100000; size += size / 3 + 1) {
        s = table_lock(&t, hash);
        e = shard_resize(s, hash, SLICE("k"), size, NOW);
        assert_non_null(e);
        assert_int_equal(entry_value(e)[0], 5);
        assert_int_equal(e->value_size, size);
        table_unlock(s);
        check_invariants(&t);
    }
    table_fini(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_and_finds),
        cmocka_unit_test(an_entry_ends_with_its_second),
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(the_budget_is_hard),
        cmocka_unit_test(expired_memory_comes_back),
        cmocka_unit_test(used_entries_outlive_a_scan),
        cmocka_unit_test(a_large_value_outlives_its_entry),
        cmocka_unit_test(numbers_begin_where_the_seed_says),
        cmocka_unit_test(resizing_keeps_the_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
