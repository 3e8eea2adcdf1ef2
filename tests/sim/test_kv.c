/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"
#include "weather.h"

/* What the client says of reads and writes is true, whatever the weather. */
enum { CALLERS = 8, MEMBERS = 3 };

struct run {
    struct world world;
    struct weather weather;
    struct history history;
    struct caller callers[CALLERS];
};

static void begin(struct run *r, uint64_t seed) {
    world_init(&r->world, seed, MEMBERS);
    r->history = (struct history){0};
}

static void begin_callers(struct run *r) {
    for (unsigned i = 0; i < CALLERS; i++) {
        caller_begin(&r->callers[i], &r->world, &r->history, i);
    }
}

/* Until all have their answer, and until what is still under way in the cluster has been done. */
static void settle(struct run *r) {
    for (unsigned i = 0; i < CALLERS; i++) {
        caller_stop(&r->callers[i]);
    }
    world_run(&r->world, 20 * SIM_S);
    for (unsigned i = 0; i < CALLERS; i++) {
        CHECK(&r->world, r->callers[i].op == NULL, "caller %u has no answer", i);
    }
}

static void end(struct run *r) {
    history_check(&r->history, &r->world);
    CHECK(&r->world, r->world.cluster.too_many_pings == 0, "%llu", (unsigned long long)r->world.cluster.too_many_pings);
    history_fini(&r->history);
    world_fini(&r->world);
}

static void run_weather(uint64_t seed, unsigned kinds, size_t most_ill, int64_t pause_ns) {
    struct run r;

    begin(&r, seed);
    world_open(&r.world);
    begin_callers(&r);
    weather_begin(&r.weather, &r.world, pause_ns, kinds, most_ill);
    world_run(&r.world, 60 * SIM_S);
    weather_end(&r.weather);
    settle(&r);
    end(&r);
}

static void test_calm(void **state) {
    (void)state;
    FOR_SEEDS(seed, 5) {
        struct run r;

        begin(&r, seed);
        world_open(&r.world);
        begin_callers(&r);
        world_run(&r.world, 20 * SIM_S);
        settle(&r);
        for (size_t i = 0; i < r.history.count; i++) {
            CHECK(&r.world, r.history.ops[i]->status == STORE_OK, "op %zu", i);
        }
        end(&r);
    }
}

static void test_all_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 15) {
        run_weather(seed, WEATHER_ALL, 1, 3 * SIM_S);
    }
}

static void test_bad_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 15) {
        run_weather(seed, WEATHER_ALL, MEMBERS, 1 * SIM_S);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm),
        cmocka_unit_test(test_all_weather),
        cmocka_unit_test(test_bad_weather),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim kv", tests, NULL, NULL);
}
