/* SPDX-License-Identifier: Apache-2.0 */
#include "aimed.h"
#include "trial.h"

/* Nodes that share keys answer with nothing that is over, whatever the weather; and where all is well they answer. */

/* --- bad weather: runs are short, so each seed stands for some --- */

enum { RUNS = 10 };

static void run_weather(uint64_t seed, unsigned kinds, int64_t pause_ns) {
    struct trial trial;

    trial_init(&trial, seed, 2 + seed % 4);
    seeds_trace(&trial.sim, "run %llu", (unsigned long long)seed);
    trial_start(&trial);
    crowd_begin(&trial.crowd);
    trial_run(&trial, sim_between(&trial.sim, 0, SIM_S));
    trouble_begin(&trial.trouble, &trial, kinds, pause_ns);
    trial_run(&trial, sim_between(&trial.sim, 2 * SIM_S, 6 * SIM_S));
    if (seed % 4 != 0) {
        trial_settle(&trial);
    }
    trial_fini(&trial);
}

static void test_all_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 100) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            run_weather(seed * RUNS + run, TROUBLE_ALL, 400 * SIM_MS);
        }
    }
}

static void test_bad_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 100) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            run_weather(seed * RUNS + run, TROUBLE_ALL, 80 * SIM_MS);
        }
    }
}

/* Nodes come and go in quick succession. */
static void test_succession(void **state) {
    (void)state;
    FOR_SEEDS(seed, 100) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            run_weather(seed * RUNS + run, TROUBLE_OF_MEMBERS, 150 * SIM_MS);
        }
    }
}

/* Purges reach nodes late, while keys are handed over. */
static void test_purges(void **state) {
    (void)state;
    FOR_SEEDS(seed, 50) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            struct trial trial;

            trial_init(&trial, seed * RUNS + run, 2 + run % 2);
            trial.crowd.purge_permille = 60;
            trial.crowd.pause_ns = 6 * SIM_MS;
            trial_start(&trial);
            trial_run(&trial, RING_TRIAL_LEASE_NS);
            crowd_begin(&trial.crowd);
            trouble_begin(&trial.trouble, &trial, 1 << TROUBLE_LEAVE | 1 << TROUBLE_LAG, 100 * SIM_MS);
            trial_run(&trial, 4 * SIM_S);
            trial_fini(&trial);
        }
    }
}

/* Two with one name, and one that comes again at once. */
static void test_twins(void **state) {
    (void)state;
    FOR_SEEDS(seed, 50) {
        for (uint64_t run = 1; run <= RUNS; run++) {
            run_weather(seed * RUNS + run, 1 << TROUBLE_TWIN | 1 << TROUBLE_KILL | 1 << TROUBLE_PAUSE, 200 * SIM_MS);
        }
    }
}

/* Eras come to their end and begin again, with and without sweeps. */
static void test_eras(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;

        trial_init(&trial, seed, 2);
        trial.crowd.purge_permille = 300;
        trial.crowd.pause_ns = 4 * SIM_MS;
        trial.sweep_permille = seed % 2 == 0 ? 0 : 30;
        trial_start(&trial);
        crowd_begin(&trial.crowd);
        trouble_begin(&trial.trouble, &trial, 1 << TROUBLE_LEAVE, 400 * SIM_MS);
        trial_run(&trial, 5 * SIM_S);
        trial_settle(&trial);
        trial_fini(&trial);
    }
}

/* --- good weather --- */

static void check_all(struct trial *trial, const uint64_t values[RING_TRIAL_KEYS], size_t nodes) {
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        struct op get = {.kind = OP_GET, .key = key};
        struct answer answer = crowd_ask_one(&trial->crowd, key % nodes, &get);

        ENSURE(answer.outcome == OUTCOME_HIT && answer.value == values[key], "key %zu got lost: %d", key,
               (int)answer.outcome);
    }
}

/* Nodes that come and go one by one while watches lag lose nothing, and nobody is turned away. */
static void test_handed_over(void **state) {
    (void)state;
    FOR_SEEDS(seed, 40) {
        struct trial trial;
        uint64_t values[RING_TRIAL_KEYS];
        size_t nodes = 2 + seed % 4;

        trial_init(&trial, seed, 1);
        trial_start(&trial);
        trial_run(&trial, 100 * SIM_MS);
        trial_set_all(&trial, values);
        for (size_t i = 0; i < RING_TRIAL_NODES; i++) {
            trial.depot.lag_ns[i] = 60 * SIM_MS;
        }
        for (size_t i = 1; i < nodes; i++) {
            node_start(&trial.nodes[i], i);
            while (!node_is_member(&trial.nodes[i])) {
                trial_run(&trial, 10 * SIM_MS);
            }
            check_all(&trial, values, i);
            trial_run(&trial,
                      200 * SIM_MS); /* else a key may pass by a node that has not asked for it yet, and is lost */
            check_all(&trial, values, i + 1);
        }
        trial_run(&trial, sim_between(&trial.sim, 0, 2 * RING_TRIAL_LEASE_NS));
        steward_leave(&trial.nodes[nodes - 1]);
        while (node_is_member(&trial.nodes[nodes - 1])) {
            trial_run(&trial, 10 * SIM_MS);
        }
        trial_run(&trial, 200 * SIM_MS);
        check_all(&trial, values, nodes - 1);
        trial_run(&trial, 2 * RING_TRIAL_HANDOFF_NS);
        ENSURE(!trial.nodes[nodes - 1].is_alive, "it has not left");
        check_all(&trial, values, nodes - 1);
        trial_fini(&trial);
    }
}

static void test_calm(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct trial trial;

        trial_init(&trial, seed, 2 + seed % 4);
        trial_start(&trial);
        trial_run(&trial, 100 * SIM_MS);
        crowd_begin(&trial.crowd);
        trial_run(&trial, 4 * SIM_S);
        ENSURE(trial.crowd.failed == 0, "%llu of %llu failed", (unsigned long long)trial.crowd.failed,
               (unsigned long long)trial.crowd.answered);
        trial_settle(&trial);
        trial_fini(&trial);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm),        cmocka_unit_test(test_handed_over),  cmocka_unit_test(test_all_weather),
        cmocka_unit_test(test_bad_weather), cmocka_unit_test(test_succession),   cmocka_unit_test(test_purges),
        cmocka_unit_test(test_twins),       cmocka_unit_test(test_eras),         cmocka_unit_test(aimed_stale),
        cmocka_unit_test(aimed_held_up),    cmocka_unit_test(aimed_unreachable), cmocka_unit_test(aimed_late_answers),
        cmocka_unit_test(aimed_moved),      cmocka_unit_test(aimed_missed),      cmocka_unit_test(aimed_old_eras),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim ring", tests, NULL, NULL);
}
