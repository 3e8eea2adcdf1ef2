/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"
#include "connection.h"
#include "nonsense.h"
#include "watcher.h"
#include "weather.h"

/* Members that are none, or another cluster's; users and their tokens; an end at any time. */
enum { MEMBERS = 3, CALLERS = 4, OTHER_ID = 77 };

struct run {
    struct world world;
    struct weather weather;
    struct history history;
    struct caller callers[CALLERS];
};

static void begin(struct run *r, uint64_t seed) {
    *r = (struct run){0};
    world_init(&r->world, seed, MEMBERS);
}

static void begin_callers(struct run *r) {
    world_open(&r->world);
    for (unsigned i = 0; i < CALLERS; i++) {
        caller_begin(&r->callers[i], &r->world, &r->history, i);
        r->callers[i].think_ns = 50 * SIM_MS;
    }
}

static void settle(struct run *r) {
    for (unsigned i = 0; i < CALLERS; i++) {
        caller_stop(&r->callers[i]);
    }
    world_run(&r->world, 20 * SIM_S);
}

static void end(struct run *r) {
    history_check(&r->history, &r->world);
    CHECK(&r->world, r->world.cluster.too_many_pings == 0, "pings");
    history_fini(&r->history);
    world_fini(&r->world);
}

static uint64_t count_answered(const struct run *r) {
    uint64_t count = 0;

    for (unsigned i = 0; i < CALLERS; i++) {
        count += r->callers[i].answered;
    }
    return count;
}

/* --- nonsense --- */

static void test_nonsense(void **state) {
    (void)state;
    FOR_SEEDS(seed, 2 * NONSENSE_KINDS) {
        struct run r;
        struct nonsense nonsense;
        size_t place = seed % MEMBERS;
        uint64_t answered;

        begin(&r, seed);
        nonsense_init(&nonsense, &r.world.sim, (enum nonsense_kind)(seed % NONSENSE_KINDS));
        if (seed % 2 == 0) { /* from the start, or in the middle */
            cluster_kill(&r.world.cluster, place);
            nonsense_listen(&nonsense, cluster_host(&r.world.cluster, place));
        }
        begin_callers(&r);
        world_run(&r.world, 5 * SIM_S);
        cluster_kill(&r.world.cluster, place);
        nonsense_listen(&nonsense, cluster_host(&r.world.cluster, place));
        world_run(&r.world, 5 * SIM_S);
        CHECK(&r.world, world_member_in_use(&r.world) != (int)place, "it is in use");
        /* Now nobody else is there. */
        for (size_t i = 0; i < MEMBERS; i++) {
            if (i != place) {
                cluster_kill(&r.world.cluster, i);
            }
        }
        world_run(&r.world, 5 * SIM_S);
        answered = count_answered(&r);
        world_run(&r.world, 10 * SIM_S);
        CHECK(&r.world, count_answered(&r) == answered, "somebody has answered");
        CHECK(&r.world, nonsense.accepted > 0 && nonsense.accepted < 500, "%llu connections",
              (unsigned long long)nonsense.accepted);
        for (size_t i = 0; i < MEMBERS; i++) {
            if (i != place) {
                cluster_restart(&r.world.cluster, i);
            }
        }
        world_run(&r.world, 15 * SIM_S);
        CHECK(&r.world, count_answered(&r) > answered, "nobody answers: %s", etcd_client_trouble(r.world.client));
        settle(&r);
        world_close(&r.world);
        nonsense_fini(&nonsense);
        end(&r);
    }
}

static void test_garbled(void **state) {
    (void)state;
    FOR_SEEDS(seed, 10) {
        struct run r;

        begin(&r, seed);
        r.world.cluster.garble_percent = 10;
        r.world.cluster.garblers = UINT32_MAX;
        begin_callers(&r);
        world_run(&r.world, 20 * SIM_S);
        CHECK(&r.world, count_answered(&r) > 100, "%llu answered", (unsigned long long)count_answered(&r));
        settle(&r);
        end(&r);
    }
}

/* A member that goes mad is left. */
static void test_mad(void **state) {
    (void)state;
    FOR_SEEDS(seed, 10) {
        struct run r;
        int place;
        uint64_t answered;

        begin(&r, seed);
        begin_callers(&r);
        world_run(&r.world, 3 * SIM_S);
        place = world_member_in_use(&r.world);
        CHECK(&r.world, place >= 0, "none is in use");
        r.world.cluster.garble_percent = 100;
        r.world.cluster.garblers = 1U << place;
        world_run(&r.world, SIM_S);
        CHECK(&r.world, world_member_in_use(&r.world) != place, "it is in use");
        answered = count_answered(&r);
        world_run(&r.world, 10 * SIM_S);
        CHECK(&r.world, world_member_in_use(&r.world) != place && count_answered(&r) > answered + 100, "%llu answered",
              (unsigned long long)(count_answered(&r) - answered));
        settle(&r);
        end(&r);
    }
}

static void test_busy(void **state) {
    (void)state;
    FOR_SEEDS(seed, 10) {
        struct run r;

        begin(&r, seed);
        r.world.cluster.busy_percent = 30;
        r.world.cluster.max_streams = 2;
        begin_callers(&r);
        world_run(&r.world, 20 * SIM_S);
        settle(&r);
        for (size_t i = 0; i < r.history.count; i++) {
            CHECK(&r.world, r.history.ops[i]->status == STORE_OK && !r.history.ops[i]->repeated, "op %zu", i);
        }
        end(&r);
    }
}

/* --- another cluster --- */

/* All that listens under the names of the members. */
static void kill_hosts(struct run *r, struct cluster *other) {
    for (size_t i = 0; i < MEMBERS; i++) {
        cluster_kill(&r->world.cluster, i);
        net_host_kill(cluster_host(&r->world.cluster, i));
    }
    while (other->members[0]->connections != NULL) {
        connection_free(other->members[0]->connections);
    }
}

static void test_other_cluster(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct run r;
        struct cluster other;
        int64_t revision;
        uint64_t answered;
        size_t first = seed % MEMBERS;

        begin(&r, seed);
        cluster_init(&other, &r.world.sim, &r.world.net, "x", 1, OTHER_ID);
        begin_callers(&r);
        world_run(&r.world, 3 * SIM_S);
        revision = other.mvcc.revision;
        cluster_kill(&r.world.cluster, first);
        net_host_listen(cluster_host(&r.world.cluster, first), &member_server, other.members[0]);
        world_run(&r.world, 10 * SIM_S);
        CHECK(&r.world, world_member_in_use(&r.world) != (int)first, "it is in use");
        kill_hosts(&r, &other);
        for (size_t i = 0; i < MEMBERS; i++) {
            net_host_listen(cluster_host(&r.world.cluster, i), &member_server, other.members[0]);
        }
        world_run(&r.world, 5 * SIM_S);
        answered = count_answered(&r);
        world_run(&r.world, 20 * SIM_S);
        CHECK(&r.world, count_answered(&r) == answered, "it is used");
        CHECK(&r.world, !etcd_client_is_ready(r.world.client), "ready");
        CHECK(&r.world, etcd_client_trouble(r.world.client)[0] != '\0', "no trouble");
        CHECK(&r.world, other.mvcc.revision == revision, "written to");
        settle(&r);
        world_close(&r.world);
        kill_hosts(&r, &other);
        cluster_fini(&other);
        end(&r);
    }
}

/* --- users --- */

static void begin_with_user(struct run *r, uint64_t seed, const char *password) {
    begin(r, seed);
    r->world.cluster.password = "secret";
    r->world.cluster.token_ttl_ns = 3 * SIM_S;
    r->world.config.user = SLICE("root");
    r->world.config.password = slice_from_string(password);
}

static void test_tokens(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct run r;
        struct watcher watcher;
        const struct store_watch what = {.span = {.key = SLICE("k"), .range_end = SLICE("l")}, .start_revision = 1};

        begin_with_user(&r, seed, "secret");
        begin_callers(&r);
        watcher_open(&watcher, &r.world, &what, false);
        for (unsigned i = 0; i < 10; i++) {
            world_run(&r.world, 2 * SIM_S);
            cluster_drop_tokens(&r.world.cluster);
        }
        CHECK(&r.world, r.world.cluster.logins >= 10 && r.world.cluster.logins <= 40, "%llu logins",
              (unsigned long long)r.world.cluster.logins);
        for (size_t i = 0; i < r.history.count; i++) {
            const struct history_op *op = r.history.ops[i];

            CHECK(&r.world, !op->is_done || (op->status == STORE_OK && !op->repeated), "op %zu: %s", i,
                  store_status_text(op->status));
        }
        weather_begin(&r.weather, &r.world, 2 * SIM_S, WEATHER_ALL, 1);
        world_run(&r.world, 30 * SIM_S);
        weather_end(&r.weather);
        settle(&r);
        watcher_check_complete(&watcher);
        watcher_close(&watcher);
        end(&r);
    }
}

static void test_wrong_password(void **state) {
    (void)state;
    FOR_SEEDS(seed, 5) {
        struct run r;

        begin_with_user(&r, seed, "guessed");
        begin_callers(&r);
        world_run(&r.world, 20 * SIM_S);
        for (size_t i = 0; i < r.history.count; i++) {
            const struct history_op *op = r.history.ops[i];

            CHECK(&r.world, !op->is_done || op->status == STORE_DENIED, "op %zu: %s", i, store_status_text(op->status));
        }
        CHECK(&r.world, r.history.count > CALLERS, "nobody was told");
        CHECK(&r.world, r.world.cluster.requests < 500, "%llu requests", (unsigned long long)r.world.cluster.requests);
        CHECK(&r.world, r.world.cluster.mvcc.change_count == 0, "written");
        for (unsigned i = 0; i < CALLERS; i++) {
            caller_stop(&r.callers[i]);
        }
        world_run(&r.world, 10 * SIM_S);
        history_fini(&r.history);
        world_fini(&r.world);
    }
}

/* --- all of it at once --- */

static void test_all_at_once(void **state) {
    (void)state;
    FOR_SEEDS(seed, 15) {
        struct run r;
        struct watcher watcher;
        const struct store_watch what = {.span = {.key = SLICE("k"), .range_end = SLICE("l")}, .start_revision = 1};

        begin_with_user(&r, seed, "secret");
        r.world.cluster.busy_percent = 3;
        r.world.cluster.garble_percent = 2;
        r.world.cluster.garblers = UINT32_MAX;
        r.world.cluster.echo_percent = 5;
        r.world.cluster.max_streams = 3;
        r.world.config.endpoint_count = 1; /* it learns of the others */
        r.world.config.max_connection_age_ns = 3 * SIM_S;
        begin_callers(&r);
        watcher_open(&watcher, &r.world, &what, true);
        world_run(&r.world, SIM_S);
        CHECK(&r.world, etcd_client_member_count(r.world.client) == MEMBERS, "%zu members",
              etcd_client_member_count(r.world.client));
        weather_begin(&r.weather, &r.world, 2 * SIM_S, WEATHER_ALL, 1 + seed % 2);
        world_run(&r.world, 60 * SIM_S);
        weather_end(&r.weather);
        settle(&r);
        CHECK(&r.world, etcd_client_figures(r.world.client)->waiting == 0, "requests wait");
        CHECK(&r.world, count_answered(&r) > 300, "%llu answered", (unsigned long long)count_answered(&r));
        watcher_check_complete(&watcher);
        watcher_close(&watcher);
        end(&r);
    }
}

/* --- the end, at any time --- */

static void test_end(void **state) {
    (void)state;
    FOR_SEEDS(seed, 60) {
        struct run r;
        struct watcher watchers[2];
        const struct store_watch what = {.span = {.key = SLICE("k"), .range_end = SLICE("l")}, .start_revision = 1};

        begin_with_user(&r, seed, "secret");
        begin_callers(&r);
        watcher_open(&watchers[0], &r.world, &what, false);
        watcher_open(&watchers[1], &r.world, &what, true);
        weather_begin(&r.weather, &r.world, SIM_S, WEATHER_ALL, MEMBERS);
        for (int64_t steps = sim_between(&r.world.sim, 0, seed % 2 == 0 ? 100 : 10000); steps > 0; steps--) {
            (void)sim_step(&r.world.sim, INT64_MAX);
        }
        for (unsigned i = 0; i < CALLERS; i++) {
            caller_stop(&r.callers[i]);
        }
        watcher_close(&watchers[0]);
        watcher_close(&watchers[1]);
        world_close(&r.world);
        for (unsigned i = 0; i < CALLERS; i++) {
            CHECK(&r.world, r.callers[i].op == NULL, "caller %u has no answer", i);
        }
        weather_end(&r.weather);
        settle(&r);
        end(&r);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonsense),       cmocka_unit_test(test_garbled),       cmocka_unit_test(test_mad),
        cmocka_unit_test(test_busy),           cmocka_unit_test(test_other_cluster), cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_wrong_password), cmocka_unit_test(test_all_at_once),   cmocka_unit_test(test_end),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim odd", tests, NULL, NULL);
}
