/* SPDX-License-Identifier: Apache-2.0 */
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

/* --- good weather --- */

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
        cmocka_unit_test(test_calm),
        cmocka_unit_test(test_all_weather),
        cmocka_unit_test(test_bad_weather),
        cmocka_unit_test(test_succession),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim ring", tests, NULL, NULL);
}
