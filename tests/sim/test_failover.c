/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"
#include "weather.h"

/* How long the client takes to leave a member that is no good, in virtual time, and how much it does meanwhile. */
enum { MEMBERS = 3 };

#define SOON_NS (500 * SIM_MS)
#define MARGIN_NS (500 * SIM_MS)

struct run {
    struct world world;
    struct history history;
    struct caller caller;
};

/* A client that is at work with a member that does not lead; that member's place. */
static size_t begin(struct run *r, uint64_t seed) {
    int place;

    world_init(&r->world, seed, MEMBERS);
    r->history = (struct history){0};
    world_open(&r->world);
    etcd_client_start(r->world.client);
    caller_begin(&r->caller, &r->world, &r->history, 1);
    r->caller.think_ns = 5 * SIM_MS;
    world_run(&r->world, 2 * SIM_S + sim_between(&r->world.sim, 0, SIM_S));
    place = world_member_in_use(&r->world);
    CHECK(&r->world, place >= 0 && etcd_client_is_ready(r->world.client), "%s", etcd_client_trouble(r->world.client));
    r->world.cluster.leader = (place + 1) % MEMBERS;
    return (size_t)place;
}

static void end(struct run *r) {
    caller_stop(&r->caller);
    for (size_t i = 0; i < MEMBERS; i++) {
        weather_cure(&r->world, i);
    }
    world_run(&r->world, 20 * SIM_S);
    history_check(&r->history, &r->world);
    CHECK(&r->world, r->world.cluster.too_many_pings == 0, "pings");
    CHECK(&r->world, r->world.cluster.without_leader_wish == 0, "%llu",
          (unsigned long long)r->world.cluster.without_leader_wish);
    history_fini(&r->history);
    world_fini(&r->world);
}

/* Until something that is asked from now on is answered; how long that is. */
static int64_t time_to_answer(struct run *r, int64_t limit_ns) {
    int64_t start = world_now(&r->world);
    int64_t until = start + limit_ns;

    while (r->caller.newest_start_ns < start && sim_step(&r->world.sim, until)) {
    }
    CHECK(&r->world, r->caller.newest_start_ns >= start, "no answer in %.3f s", (double)limit_ns / (double)SIM_S);
    return world_now(&r->world) - start;
}

static void strike(uint64_t seed, enum weather_kind kind, int64_t limit_ns) {
    struct run r;
    size_t place = begin(&r, seed);
    int64_t took;

    weather_strike(&r.world, kind, place);
    took = time_to_answer(&r, 30 * SIM_S);
    CHECK(&r.world, took <= limit_ns, "took %.3f s", (double)took / (double)SIM_S);
    if (kind != WEATHER_RESET) {
        CHECK(&r.world, world_member_in_use(&r.world) != (int)place, "it is used still");
    }
    end(&r);
}

static void test_killed(void **state) {
    (void)state;
    FOR_SEEDS(seed, 15) {
        strike(seed, WEATHER_KILL, SOON_NS);
    }
}

static void test_reset(void **state) {
    (void)state;
    FOR_SEEDS(seed, 15) {
        strike(seed, WEATHER_RESET, SOON_NS);
    }
}

static void test_paused(void **state) {
    struct etcd_client_config config;

    (void)state;
    etcd_client_config_init(&config);
    FOR_SEEDS(seed, 15) {
        strike(seed, WEATHER_PAUSE, config.keepalive_time_ns + config.keepalive_timeout_ns + MARGIN_NS);
    }
}

static void test_cut(void **state) {
    struct etcd_client_config config;

    (void)state;
    etcd_client_config_init(&config);
    FOR_SEEDS(seed, 15) {
        strike(seed, WEATHER_CUT, config.keepalive_time_ns + config.keepalive_timeout_ns + MARGIN_NS);
    }
}

static void test_isolated(void **state) {
    struct etcd_client_config config;

    (void)state;
    etcd_client_config_init(&config);
    FOR_SEEDS(seed, 15) {
        struct run r;
        size_t place = begin(&r, seed);
        int64_t struck_ns = world_now(&r.world);
        int64_t took;

        weather_strike(&r.world, WEATHER_ISOLATE, place);
        /* What it has itself, it may still answer. */
        do {
            took = time_to_answer(&r, 30 * SIM_S);
        } while (world_member_in_use(&r.world) == (int)place);
        took = world_now(&r.world) - struck_ns;
        CHECK(&r.world, took <= config.attempt_timeout_ns + MARGIN_NS, "took %.3f s", (double)took / (double)SIM_S);
        end(&r);
    }
}

/* The member that leads is lost. As soon as there is another leader, things go on. */
static void test_leader_lost(void **state) {
    static const enum weather_kind kinds[] = {WEATHER_KILL,    WEATHER_STOP, WEATHER_PAUSE,
                                              WEATHER_ISOLATE, WEATHER_CUT,  WEATHER_DEPOSE};

    (void)state;
    FOR_SEEDS(seed, 24) {
        struct run r;
        size_t place = begin(&r, seed);
        int64_t took;

        r.world.cluster.leader = (int)place;
        weather_strike(&r.world, kinds[seed % (sizeof(kinds) / sizeof(kinds[0]))], place);
        world_run(&r.world, 200 * SIM_MS);
        while (!cluster_is_able(&r.world.cluster) && sim_step(&r.world.sim, INT64_MAX)) {
        }
        took = time_to_answer(&r, 30 * SIM_S);
        CHECK(&r.world, took <= 3 * SIM_S, "took %.3f s", (double)took / (double)SIM_S);
        end(&r);
    }
}

/* --- when there is nobody --- */

static void test_all_gone(void **state) {
    (void)state;
    FOR_SEEDS(seed, 5) {
        struct run r;
        uint64_t steps;
        uint64_t connects[MEMBERS];
        int64_t took;

        (void)begin(&r, seed);
        for (size_t i = 0; i < MEMBERS; i++) {
            weather_strike(&r.world, seed % 2 == 0 ? WEATHER_KILL : WEATHER_CUT, i);
            connects[i] = cluster_host(&r.world.cluster, i)->connects;
        }
        steps = r.world.sim.steps;
        world_run(&r.world, 60 * SIM_S);
        CHECK(&r.world, r.world.sim.steps - steps < 5000, "%llu events in a minute",
              (unsigned long long)(r.world.sim.steps - steps));
        CHECK(&r.world, !etcd_client_is_ready(r.world.client), "ready");
        CHECK(&r.world, etcd_client_trouble(r.world.client)[0] != '\0', "no trouble is told");
        for (size_t i = 0; i < MEMBERS; i++) {
            uint64_t tries = cluster_host(&r.world.cluster, i)->connects - connects[i];

            CHECK(&r.world, tries >= 5 && tries <= 300, "%llu connects to %zu", (unsigned long long)tries, i);
            weather_cure(&r.world, i);
        }
        took = time_to_answer(&r, 60 * SIM_S);
        CHECK(&r.world, took <= 10 * SIM_S, "took %.3f s", (double)took / (double)SIM_S);
        end(&r);
    }
}

static void test_one_dead(void **state) {
    (void)state;
    FOR_SEEDS(seed, 5) {
        struct run r;
        size_t dead = (begin(&r, seed) + 2) % MEMBERS;
        struct net_host *host = cluster_host(&r.world.cluster, dead);
        uint64_t connects;

        r.caller.think_ns = 100 * SIM_MS;
        weather_strike(&r.world, WEATHER_KILL, dead);
        connects = host->connects;
        world_run(&r.world, 60 * SIM_S);
        CHECK(&r.world, host->connects - connects <= 60, "%llu connects",
              (unsigned long long)(host->connects - connects));
        end(&r);
    }
}

/* A client that asks nothing does next to nothing, also when its member is stopped. */
static void test_idle(void **state) {
    (void)state;
    FOR_SEEDS(seed, 5) {
        struct run r;
        size_t place = begin(&r, seed);
        uint64_t steps;

        caller_stop(&r.caller);
        world_run(&r.world, 20 * SIM_S);
        steps = r.world.sim.steps;
        world_run(&r.world, 60 * SIM_S);
        CHECK(&r.world, r.world.sim.steps - steps < 2000, "%llu events in a minute",
              (unsigned long long)(r.world.sim.steps - steps));
        weather_strike(&r.world, WEATHER_PAUSE, place);
        steps = r.world.sim.steps;
        world_run(&r.world, 60 * SIM_S);
        CHECK(&r.world, r.world.sim.steps - steps < 5000, "%llu events in a minute",
              (unsigned long long)(r.world.sim.steps - steps));
        end(&r);
    }
}

/* --- connections are replaced --- */

static void test_connection_age(void **state) {
    (void)state;
    FOR_SEEDS(seed, 5) {
        struct run r;
        const struct etcd_figures *figures;

        world_init(&r.world, seed, MEMBERS);
        r.history = (struct history){0};
        r.world.config.max_connection_age_ns = 2 * SIM_S;
        world_open(&r.world);
        caller_begin(&r.caller, &r.world, &r.history, 2);
        r.caller.think_ns = 20 * SIM_MS;
        world_run(&r.world, 30 * SIM_S);
        figures = etcd_client_figures(r.world.client);
        CHECK(&r.world, figures->connects >= 14, "%llu connects", (unsigned long long)figures->connects);
        CHECK(&r.world, figures->connections_lost == 0 && figures->failovers == 0, "%llu lost, %llu fail-overs",
              (unsigned long long)figures->connections_lost, (unsigned long long)figures->failovers);
        for (size_t i = 0; i + 1 < r.history.count; i++) {
            const struct history_op *op = r.history.ops[i];

            CHECK(&r.world, op->status == STORE_OK && !op->repeated && op->end_ns - op->start_ns < SOON_NS, "op %zu",
                  i);
        }
        end(&r);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),   cmocka_unit_test(test_reset),
        cmocka_unit_test(test_paused),   cmocka_unit_test(test_cut),
        cmocka_unit_test(test_isolated), cmocka_unit_test(test_leader_lost),
        cmocka_unit_test(test_all_gone), cmocka_unit_test(test_one_dead),
        cmocka_unit_test(test_idle),     cmocka_unit_test(test_connection_age),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim failover", tests, NULL, NULL);
}
