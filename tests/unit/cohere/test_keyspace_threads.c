/* SPDX-License-Identifier: Apache-2.0 */
/* Readers on several threads while one thread changes the keyspace; under TSan too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyspace_model.h"

enum { READERS = 3, STEPS = 30000, ARENA_MAX = 1 << 20 };

struct shared {
    struct keyspace *ks;
    struct model model;    /* its keys alone; the states are the writer's */
    _Atomic int64_t begun; /* revision that the writer has begun to put in */
    _Atomic bool over;
};

static void must(bool good) {
    if (!good) {
        abort();
    }
}

/* A key is whole, and not from the future. */
static void look(struct shared *s, struct random *random, int64_t seen[MODEL_KEYS]) {
    size_t i = (size_t)random_below(random, MODEL_KEYS);
    struct slice key = model_key(&s->model, i);
    struct model_state state = {0};
    enum keyspace_found found;
    struct kv kv = {0};

    keyspace_lock(s->ks);
    found = keyspace_find(s->ks, key, &kv);
    state.revision = found == KEYSPACE_UNKNOWN ? 0 : kv.mod_revision;
    state.present = found == KEYSPACE_PRESENT;
    must(model_matches(found, &kv, key, &state));
    keyspace_unlock(s->ks);
    must(state.revision <= atomic_load(&s->begun));
    if (state.revision > 0) {
        must(state.revision >= seen[i]);
        seen[i] = state.revision;
    }
}

static void look_at_many(struct shared *s) {
    const struct store_range range = {.span = {.key = slice_make("", 1), .range_end = slice_make("", 1)}};
    struct store_result result;
    struct arena arena;
    int64_t newest;

    arena_init(&arena, ARENA_MAX);
    keyspace_lock(s->ks);
    must(keyspace_range(s->ks, &range, &arena, &result, &newest) == STORE_OK);
    keyspace_unlock(s->ks);
    for (size_t i = 0; i < result.kv_count; i++) {
        char place[MODEL_VALUE_MAX];
        const struct kv *kv = &result.kvs[i];
        const struct kv expected = model_kv(kv->key, kv->mod_revision, place);

        must(model_kv_equal(kv, &expected) && kv->mod_revision <= newest);
        must(i == 0 || slice_compare(result.kvs[i - 1].key, kv->key) < 0);
    }
    arena_fini(&arena);
}

static void *read_all_along(void *ctx) {
    struct shared *s = ctx;
    int64_t seen[MODEL_KEYS] = {0};
    struct keyspace_figures figures;
    struct random random;

    random_init(&random, random_os_seed());
    for (int i = 0; !atomic_load(&s->over); i++) {
        if (i % 200 == 0) {
            look_at_many(s);
            keyspace_get_figures(s->ks, &figures);
        }
        look(s, &random, seen);
    }
    return NULL;
}

static void write_one(struct shared *s, struct random *random, int64_t revision) {
    struct slice key = model_key(&s->model, (size_t)random_below(random, MODEL_KEYS));
    enum keyspace_make make = (enum keyspace_make)random_below(random, 3);
    const struct store_span span = {.key = key, .range_end = SLICE("/k/040")};
    const struct store_span all = {.key = slice_make("", 1), .range_end = slice_make("", 1)};
    struct kv kv = {0};

    atomic_store(&s->begun, revision);
    (void)model_apply(s->ks, key, revision, random_below(random, 3) > 0, make);
    if (revision % 7000 == 0) {
        keyspace_drop_span(s->ks, &all);
    } else if (revision % 1000 == 0) {
        keyspace_drop_span(s->ks, &span);
        keyspace_settle(s->ks, &span);
    }
    /* Its own looks need no lock. */
    must(keyspace_find(s->ks, key, &kv) == KEYSPACE_UNKNOWN || kv.mod_revision == revision);
}

static void readers_see_whole_keys_that_never_go_back(void **state) {
    const struct keyspace_config config = {.memory = 20000, .mirror_memory = 20000, .seed = 1};
    pthread_t readers[READERS];
    struct shared s = {0};
    struct random random;

    (void)state;
    model_init(&s.model);
    s.ks = keyspace_new(&config);
    assert_non_null(s.ks);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_all_along, &s), 0);
    }
    random_init(&random, 9);
    for (int64_t revision = 1; revision <= STEPS; revision++) {
        write_one(&s, &random, revision);
    }
    atomic_store(&s.over, true);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    keyspace_free(s.ks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_whole_keys_that_never_go_back),
    };

    return cmocka_run_group_tests_name("cohere-keyspace-threads", tests, NULL, NULL);
}
