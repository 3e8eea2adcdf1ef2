/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "script.h"

/* Reads on other threads while revisions are applied: never half of one, never back, never without an own write. */
enum { THREADS = 3, REVISIONS = 4000, READS = 100000, AWHILE = 10, PAIRS = 4, EVENTS = 2 * PAIRS };

static const struct store_span mirrored = {SLICE("m/"), SLICE("m0")};

struct shared {
    struct script *s;
    atomic_bool over;
    atomic_int_least64_t acknowledged; /* the revision of the writer's newest write that was answered */
};

/* Every revision of the mirror puts both keys of a pair to its number, or deletes both. */
static void check_pairs(const struct store_call *call) {
    const struct store_result *result = &call->result;

    assert_int_equal(result->kv_count % 2, 0);
    for (size_t i = 0; i + 1 < result->kv_count; i += 2) {
        assert_int_equal(result->kvs[i].mod_revision, result->kvs[i + 1].mod_revision);
        assert_true(result->kvs[i].mod_revision <= call->revision);
    }
}

static int64_t read_pairs(struct shared *shared) {
    struct asker a;
    int64_t revision = 0;

    ask_range(&a, "m/", "m0");
    a.call.op.range.max_age_ns = INT64_MAX / 2;
    if (coherence_try(shared->s->machine, &a.call)) {
        check_pairs(&a.call);
        revision = a.call.revision;
    }
    store_call_fini(&a.call);
    return revision;
}

/* The revision of the key's value as it is read; 0: it was not answered from memory. */
static int64_t read_key(struct shared *shared, const char *key) {
    struct asker a;
    int64_t mod = 0;

    ask_get(&a, key);
    a.call.op.range.max_age_ns = INT64_MAX / 2;
    if (coherence_try(shared->s->machine, &a.call)) {
        assert_int_equal(a.call.result.kv_count, 1);
        mod = a.call.result.kvs[0].mod_revision;
        assert_true(mod <= a.call.revision);
    }
    store_call_fini(&a.call);
    return mod;
}

static void *reader(void *arg) {
    struct shared *shared = arg;
    int64_t range_revision = 0;
    int64_t key_revision = 0;

    while (!atomic_load(&shared->over)) {
        int64_t acknowledged = atomic_load(&shared->acknowledged);
        int64_t pairs = read_pairs(shared);
        int64_t mod = read_key(shared, "a");

        assert_true(pairs == 0 || pairs >= range_revision);
        assert_true(mod == 0 || (mod >= key_revision && mod >= acknowledged));
        range_revision = pairs > range_revision ? pairs : range_revision;
        key_revision = mod > key_revision ? mod : key_revision;
        coherence_proven_ns(shared->s->machine);
    }
    return NULL;
}

static void apply_pairs(struct script *s, int64_t revision) {
    static char keys[EVENTS][8];
    struct kv_event events[2];
    size_t pair = (size_t)revision % PAIRS;

    for (size_t i = 0; i < 2; i++) {
        char *key = keys[2 * pair + i];

        snprintf(key, sizeof(keys[0]), "m/%zu%zu", pair, i);
        events[i] = (struct kv_event){
            .kind = revision / PAIRS % 3 == 0 ? KV_EVENT_DELETE : KV_EVENT_PUT,
            .kv = script_kv(key, "value", revision),
        };
    }
    coherence_events(s->machine, events, 2);
    script_run(s);
}

static void let_them_read(struct script *s) {
    uint64_t before = script_figures(s).memory_reads;

    while (script_figures(s).memory_reads < before + AWHILE) {
        sched_yield();
    }
}

/* The write is answered before its event, now and then. */
static void write_key(struct shared *shared, int64_t revision) {
    struct script *s = shared->s;
    struct asker a;

    ask_put(&a, "a", "v");
    ask(s, &a);
    script_answer(s, script_find(s, STORE_OP_PUT, "a"), STORE_OK, revision);
    if (revision % 128 == 0) {
        script_pass(s, 100 * MS);
        assert_true(a.done);
        atomic_store(&shared->acknowledged, revision);
        let_them_read(s);
    }
    script_put(s, "a", "v", revision);
    assert_true(a.done);
    atomic_store(&shared->acknowledged, revision);
    store_call_fini(&a.call);
}

static void readers_see_whole_revisions_and_own_writes(void **state) {
    static struct script s;
    struct shared shared = {.s = &s};
    pthread_t threads[THREADS];

    (void)state;
    script_init(&s);
    s.config.mirrors = &mirrored;
    s.config.mirror_count = 1;
    s.policy.stale_limit_ns = INT64_MAX / 2;
    script_begin(&s, 10);
    script_answer(&s, script_find(&s, STORE_OP_RANGE, "m/"), STORE_OK, 10);
    script_know(&s, "a", "v", 5, 10);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &shared), 0);
    }
    for (int64_t revision = 11; revision < 11 + REVISIONS || script_figures(&s).memory_reads < READS; revision += 2) {
        apply_pairs(&s, revision);
        write_key(&shared, revision + 1);
        if (script_round(&s) != NULL) {
            script_answer_round(&s, revision + 1);
        }
    }
    atomic_store(&shared.over, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(script_figures(&s).early_writes > 0);
    script_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_revisions_and_own_writes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
