/* SPDX-License-Identifier: Apache-2.0 */
#include "settle.h"

/* What the coherence machine answers is true and told of once, whatever the weather; and where all is well it is cheap. */
enum { TINY = 1536, SMALL = 8 << 10, LARGE = 1 << 20 };

static enum coherence_proof proofs[] = {COHERENCE_BY_EVENTS, COHERENCE_BY_PROGRESS, COHERENCE_BY_QUESTION};

static enum coherence_proof proof_of(void **state) {
    return *(const enum coherence_proof *)*state;
}

static void begin(struct trial *trial, uint64_t seed, enum coherence_proof proof) {
    static const size_t memory[] = {LARGE, SMALL, TINY, LARGE};

    trial_init(trial, seed, proof, 1 + seed % 2, memory[seed / 2 % 4]);
}

/* --- bad weather: runs are short, so each seed stands for some --- */

enum { RUNS = 10 };

static void run_weather(enum coherence_proof proof, uint64_t seed, unsigned kinds, int64_t pause_ns) {
    struct trial trial;

    begin(&trial, seed, proof);
    seeds_trace(&trial.sim, "run %llu", (unsigned long long)seed);
    if (seed % 3 == 0) {
        trial.crowd.pause_ns = 5 * SIM_MS;
        trial.crowd.write_pause_ns = 300 * SIM_MS;
    }
    trouble_begin(&trial.trouble, &trial, kinds, pause_ns);
    trial_start(&trial);
    crowd_begin(&trial.crowd);
    trial_run(&trial, sim_between(&trial.sim, 3 * SIM_S, 12 * SIM_S));
    if (seed % 5 != 0) {
        settle(&trial);
    }
    trial_fini(&trial);
}

static void test_all_weather(void **state) {
    FOR_SEEDS(seed, 25) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            run_weather(proof_of(state), seed * RUNS + run, TROUBLE_NO_RESTORE, 400 * SIM_MS);
        }
    }
}

static void test_bad_weather(void **state) {
    FOR_SEEDS(seed, 25) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            run_weather(proof_of(state), seed * RUNS + run, TROUBLE_NO_RESTORE, 60 * SIM_MS);
        }
    }
}

static void test_backups(void **state) {
    FOR_SEEDS(seed, 25) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            run_weather(proof_of(state), seed * RUNS + run, TROUBLE_ALL, 150 * SIM_MS);
        }
    }
}

/* --- good weather --- */

/* Rounds and flights of all machines. */
static uint64_t questions(struct trial *trial) {
    uint64_t count = 0;

    for (size_t i = 0; i < trial->layout.machine_count; i++) {
        struct coherence_figures f;

        coherence_get_figures(trial->node.machines[i].c, &f);
        ENSURE(f.resets == 0 && f.watch_losses == 0 && f.rounds_failed == 0, "it is not calm");
        count += f.rounds + f.flights;
    }
    return count;
}

static void check_calm(struct trial *trial) {
    struct crowd *crowd = &trial->crowd;

    ENSURE(crowd->failed == 0, "%llu calls failed", (unsigned long long)crowd->failed);
    if (trial->layout.proof != COHERENCE_BY_QUESTION) {
        ENSURE(crowd->from_memory * 10 > crowd->answered * 7, "%llu of %llu are from memory",
               (unsigned long long)crowd->from_memory, (unsigned long long)crowd->answered);
    }
    ENSURE(questions(trial) < crowd->answered, "%llu questions for %llu answers", (unsigned long long)questions(trial),
           (unsigned long long)crowd->answered);
}

/* While there is interest, the proof is never old: where it can be had without a question of each key. */
static void check_age(struct trial *trial) {
    for (size_t i = 0; i < trial->layout.machine_count && trial->layout.proof != COHERENCE_BY_QUESTION; i++) {
        int64_t age_ns = trial->sim.now_ns - coherence_proven_ns(trial->node.machines[i].c);

        ENSURE(age_ns < LAYOUT_STALE_A / 4 + 150 * SIM_MS, "the proof is %.3f s old", (double)age_ns / 1e9);
    }
}

static void test_calm(void **state) {
    FOR_SEEDS(seed, 10) {
        struct trial trial;

        trial_init(&trial, seed, proof_of(state), 1 + seed % 2, LARGE);
        trial.crowd.reads_only_kept = true;
        trial.crowd.write_percent = 5;
        trial_start(&trial);
        trial_run(&trial, SIM_S);
        crowd_begin(&trial.crowd);
        trial_run(&trial, SIM_S);
        for (unsigned i = 0; i < 100; i++) {
            trial_run(&trial, 50 * SIM_MS);
            check_age(&trial);
        }
        check_calm(&trial);
        crowd_stop(&trial.crowd);
        for (unsigned i = 0; i < 40; i++) {
            trial_run(&trial, 50 * SIM_MS);
            check_age(&trial);
        }
        settle(&trial);
        trial_fini(&trial);
    }
}

/* Reads of one moment, however many, cost one question; of keys that nothing is known of, one each. */
static void ask_many(struct trial *trial, uint64_t most) {
    uint64_t asked = questions(trial);

    for (unsigned i = 0; i < 50; i++) {
        ask_send(settle_read(trial, i % 4), false);
    }
    trial_run(trial, 200 * SIM_MS);
    ENSURE(trial->crowd.open_count == 0, "%zu have no answer", trial->crowd.open_count);
    ENSURE(questions(trial) <= asked + most, "%llu questions", (unsigned long long)(questions(trial) - asked));
}

static void test_cheap(void **state) {
    FOR_SEEDS(seed, 5) {
        struct trial trial;

        trial_init(&trial, seed, proof_of(state), 1, LARGE);
        trial_start(&trial);
        trial_run(&trial, SIM_S);
        settle(&trial);
        trial_run(&trial, 20 * SIM_S);
        ask_many(&trial, 2);
        for (size_t key = 0; key < 4; key++) {
            keyspace_drop(trial.node.keyspace, layout_key(key));
        }
        ask_many(&trial, 4 + 2);
        trial_fini(&trial);
    }
}

/* --- what an audit finds --- */

static void spoil(struct trial *trial, size_t key, unsigned how) {
    const struct kv *kv = mvcc_get(&truth_now(&trial->truth)->mvcc, layout_key(key), INT64_MAX);
    struct kv wrong =
        kv != NULL ? *kv : (struct kv){.key = layout_key(key), .mod_revision = 2, .version = 1, .create_revision = 2};
    enum keyspace_make make = layout_policy(layout_key(key))->mirrored ? KEYSPACE_MIRROR : KEYSPACE_KEEP;

    wrong.value = SLICE("wrong");
    keyspace_drop(trial->node.keyspace, layout_key(key));
    if (how == 0 || kv == NULL) {
        sim_must(keyspace_put(trial->node.keyspace, &wrong, make));
    } else if (how == 1 || make == KEYSPACE_KEEP) {
        sim_must(keyspace_absent(trial->node.keyspace, layout_key(key), kv->mod_revision, make));
    }
}

static size_t spoil_some(struct trial *trial) {
    size_t count = 0;

    for (size_t key = 0; key < LAYOUT_KEYS; key++) {
        const struct coherence_policy *policy = layout_policy(layout_key(key));

        if (policy != NULL && policy->keeps && sim_chance(&trial->sim, 30) &&
            layout_machine_of(&trial->layout, layout_key(key)) < trial->layout.machine_count) {
            spoil(trial, key, (unsigned)sim_between(&trial->sim, 0, 2));
            count++;
        }
    }
    return count;
}

static uint64_t differences(struct trial *trial) {
    uint64_t count = 0;

    for (size_t i = 0; i < trial->layout.machine_count; i++) {
        struct coherence_figures figures;

        coherence_get_figures(trial->node.machines[i].c, &figures);
        count += figures.differences;
    }
    return count;
}

static void test_audit(void **state) {
    FOR_SEEDS(seed, 10) {
        struct trial trial;
        size_t spoilt;
        uint64_t found;

        trial_init(&trial, seed, proof_of(state), 1 + seed % 2, LARGE);
        trial_start(&trial);
        crowd_begin(&trial.crowd);
        trial_run(&trial, 3 * SIM_S);
        settle(&trial);
        trial.node.is_spoilt = true;
        spoilt = spoil_some(&trial);
        found = settle_audit(&trial);
        ENSURE(differences(&trial) == spoilt && found <= spoilt, "%llu differences found, %llu counted, %zu made",
               (unsigned long long)found, (unsigned long long)differences(&trial), spoilt);
        trial.node.is_spoilt = false;
        node_check(&trial.node, true);
        ENSURE(settle_audit(&trial) == 0, "they were not mended");
        for (size_t key = 0; key < LAYOUT_KEYS; key++) {
            if (layout_machine_of(&trial.layout, layout_key(key)) < trial.layout.machine_count) {
                settle_ask(settle_read(&trial, key), false);
            }
        }
        trial_fini(&trial);
    }
}

/* After a watch was lost everything is compared at once. */
static void test_lost_watch(void **state) {
    FOR_SEEDS(seed, 10) {
        struct trial trial;
        size_t spoilt;

        trial_init(&trial, seed, proof_of(state), 1, LARGE);
        trial_start(&trial);
        crowd_begin(&trial.crowd);
        trial_run(&trial, 3 * SIM_S);
        settle(&trial);
        trial.node.is_spoilt = true;
        spoilt = spoil_some(&trial);
        stream_lose(&trial.streams[0]);
        for (unsigned i = 0; i < 40; i++) {
            settle_fence(&trial);
            trial_run(&trial, 100 * SIM_MS);
        }
        ENSURE(differences(&trial) == spoilt, "%llu differences counted, %zu made",
               (unsigned long long)differences(&trial), spoilt);
        trial.node.is_spoilt = false;
        node_check(&trial.node, true);
        trial_fini(&trial);
    }
}

/* --- */

#define TESTS_OF(function)                                                                                             \
    {#function " by events", function, NULL, NULL, (void *)&proofs[0]},                                                \
        {#function " by progress", function, NULL, NULL, (void *)&proofs[1]}, {                                        \
#function " by question", function, NULL, NULL, (void *)&proofs[2]                                             \
    }

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TESTS_OF(test_calm),    TESTS_OF(test_cheap), TESTS_OF(test_all_weather), TESTS_OF(test_bad_weather),
        TESTS_OF(test_backups), TESTS_OF(test_audit), TESTS_OF(test_lost_watch),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim coherence", tests, NULL, NULL);
}
