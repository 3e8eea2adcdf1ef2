/* SPDX-License-Identifier: Apache-2.0 */
/* Everybody works on the table at once; what is read must be whole and something that was written. Under
 * ThreadSanitizer this also finds what is touched without its lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/table.h"

enum { THREADS = 4, KEYS = 3000, STEPS = 60000, NOW = 10, HELD = 8, LARGE = 30000 };

struct shared {
    struct table table;
    _Atomic uint32_t now;
    atomic_uint wrong;
    atomic_uint hits;
    atomic_bool done;
};

struct actor {
    struct shared *shared;
    pthread_t thread;
    uint64_t seed;
    struct {
        struct blob *blob;
        const char *value;
        uint32_t size;
    } held[HELD]; /* large values that are still being read */
};

/* A value tells its key and its size: the key's number, again and again, and a last byte from both. */
static char value_byte(uint64_t number, uint32_t size, uint32_t at) {
    return (char)(at + 1 == size ? number + size : number >> (at % 2 * 8));
}

static bool is_whole(const char *value, uint32_t size, uint64_t number) {
    for (uint32_t at = 0; at < size; at += at % 1024 == 0 || at + 100 > size ? 1 : 97) {
        if (value[at] != value_byte(number, size, at)) {
            return false;
        }
    }
    return true;
}

static void put(struct shared *shared, struct slice key, uint64_t number, uint32_t size, uint32_t expires) {
    uint64_t hash = table_hash(&shared->table, key);
    struct shard *s = table_lock(&shared->table, hash);
    const struct shard_put put = {.value_size = size, .expires = expires};
    struct entry *e = shard_put(s, hash, key, &put, shared->now);

    for (uint32_t at = 0; e != NULL && at < size; at++) {
        entry_value(e)[at] = value_byte(number, size, at);
    }
    table_unlock(s);
}

static void let_go(struct actor *a, size_t slot, uint64_t number) {
    if (a->held[slot].blob != NULL) {
        uint64_t kept =
            (uint64_t)(unsigned char)a->held[slot].value[0] | (uint64_t)(unsigned char)a->held[slot].value[1] << 8;

        (void)number;
        a->shared->wrong += !is_whole(a->held[slot].value, a->held[slot].size, kept);
        blob_unref(a->held[slot].blob);
        a->held[slot].blob = NULL;
    }
}

static void get(struct actor *a, struct slice key, uint64_t number, size_t slot) {
    struct shared *shared = a->shared;
    uint64_t hash = table_hash(&shared->table, key);
    struct shard *s;
    struct entry *e;

    let_go(a, slot, number);
    s = table_lock(&shared->table, hash);
    e = shard_find(s, hash, key, shared->now, NULL);
    if (e != NULL) {
        struct segment *segment = shard_segment_of(s, e);

        shared->hits++;
        shared->wrong += !is_whole(entry_value(e), e->value_size, number);
        entry_read(e, shared->now);
        if (segment->large) {
            blob_ref(&segment->blob);
            a->held[slot].blob = &segment->blob;
            a->held[slot].value = entry_value(e);
            a->held[slot].size = e->value_size;
        }
    }
    table_unlock(s);
}

static void drop(struct shared *shared, struct slice key) {
    uint64_t hash = table_hash(&shared->table, key);
    struct shard *s = table_lock(&shared->table, hash);
    struct entry *e = shard_find(s, hash, key, shared->now, NULL);

    if (e != NULL) {
        shard_remove(s, hash, e);
    }
    table_unlock(s);
}

/* A large value that is filled outside the lock, and stored or given up. */
static void place(struct shared *shared, struct slice key, uint64_t number, bool give_up) {
    uint64_t hash = table_hash(&shared->table, key);
    struct shard *s = table_lock(&shared->table, hash);
    struct segment *segment = shard_large_new(s, key, LARGE, shared->now);

    table_unlock(s);
    if (segment == NULL) {
        return;
    }
    for (uint32_t at = 0; at < LARGE; at++) {
        entry_value(segment_first(segment))[at] = value_byte(number, LARGE, at);
    }
    if (!give_up) {
        table_lock(&shared->table, hash);
        give_up = shard_large_link(s, hash, segment, shared->now) != LARDER_OK;
        table_unlock(s);
    }
    if (give_up) {
        blob_unref(&segment->blob);
    }
}

static void *act(void *ctx) {
    struct actor *a = ctx;
    struct random r;

    random_init(&r, a->seed);
    for (int step = 0; step < STEPS; step++) {
        uint64_t number = random_below(&r, random_below(&r, KEYS) + 1);
        uint64_t dice = random_below(&r, 1000);
        char text[32];
        struct slice key = slice_make(text, (size_t)snprintf(text, sizeof(text), "k%llu", (unsigned long long)number));

        if (dice < 600) {
            get(a, key, number, random_below(&r, HELD));
        } else if (dice < 940) {
            uint32_t size = 2 + (uint32_t)random_below(&r, dice < 605 ? LARGE : 600);

            put(a->shared, key, number, size, dice % 3 == 0 ? a->shared->now + 2 : ENTRY_NEVER);
        } else if (dice < 950) {
            place(a->shared, key, number, dice == 949);
        } else {
            drop(a->shared, key);
        }
    }
    for (size_t slot = 0; slot < HELD; slot++) {
        let_go(a, slot, 0);
    }
    return NULL;
}

/* The control thread: time goes on, the sweeper works, statistics are read, and once in a while all is dropped. */
static void *control(void *ctx) {
    struct shared *shared = ctx;

    for (unsigned round = 1; !shared->done; round++) {
        struct table_stats stats;

        table_sweep(&shared->table, shared->now);
        table_get_stats(&shared->table, &stats);
        shared->wrong += stats.memory_used > stats.memory_limit;
        if (round % 8 == 0) {
            shared->now++;
        }
        if (round % 500 == 0) {
            table_clear(&shared->table);
        }
        sched_yield();
    }
    return NULL;
}

static void everybody_at_once(void **state) {
    const struct table_config config = {.memory = 2 << 20, .max_item = 64 << 10, .seed = 4};
    struct shared *shared = calloc(1, sizeof(*shared));
    struct actor actors[THREADS] = {0};
    struct table_stats stats;
    pthread_t controller;
    (void)state;

    assert_int_equal(table_init(&shared->table, &config), LARDER_OK);
    shared->now = NOW;
    assert_int_equal(pthread_create(&controller, NULL, control, shared), 0);
    for (int i = 0; i < THREADS; i++) {
        actors[i].shared = shared;
        actors[i].seed = (uint64_t)i + 1;
        assert_int_equal(pthread_create(&actors[i].thread, NULL, act, &actors[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(actors[i].thread, NULL);
    }
    shared->done = true;
    pthread_join(controller, NULL);
    assert_int_equal(shared->wrong, 0);
    assert_true(shared->hits > STEPS / 10);
    table_clear(&shared->table);
    table_get_stats(&shared->table, &stats);
    assert_int_equal(stats.items, 0);
    assert_int_equal(stats.memory_large, 0);
    table_fini(&shared->table);
    free(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
