/* SPDX-License-Identifier: Apache-2.0 */
#include "weather.h"

/* Leases that are kept live on, and those that are over are known to be. */
enum { MEMBERS = 3, LEASES = 5, FIRST_ID = 100 };

#define TTL_S 15

struct holder {
    struct world *world;
    struct etcd_kept *kept; /* NULL: let go of */
    int64_t id;
    int64_t ttl;
    uint64_t renewals;
    bool is_over; /* as far as it knows */
    bool is_certain;
    int64_t over_ns;
    bool lets_go; /* in the event */
};

struct run {
    struct world world;
    struct weather weather;
    struct holder holders[LEASES];
};

static void on_alive(void *ctx, int64_t asked_ns, int64_t ttl) {
    struct holder *h = ctx;

    CHECK(h->world, !h->is_certain, "alive after it was over");
    CHECK(h->world, asked_ns <= world_now(h->world) && ttl > 0 && ttl <= h->ttl, "ttl %lld", (long long)ttl);
    h->renewals++;
    h->is_over = false;
}

static void on_over(void *ctx, bool certain) {
    struct holder *h = ctx;

    world_trace(h->world, "lease %lld is over%s", (long long)h->id, certain ? ", certainly" : "");
    CHECK(h->world, !h->is_certain, "over twice");
    CHECK(h->world, !certain || mvcc_lease(&h->world->cluster.mvcc, h->id) == NULL, "the cluster has it");
    h->is_over = true;
    h->is_certain = certain;
    h->over_ns = world_now(h->world);
    if (h->lets_go) {
        etcd_kept_free(h->kept);
        h->kept = NULL;
    }
}

static const struct etcd_kept_events events = {on_alive, on_over};

static void keep(struct run *r, struct holder *h, int64_t id) {
    int64_t now = world_now(&r->world);

    *h = (struct holder){.world = &r->world, .id = id, .ttl = TTL_S};
    (void)cluster_apply(&r->world.cluster,
                        &(struct store_op){.kind = STORE_OP_LEASE_GRANT, .lease = {.id = id, .ttl = TTL_S}});
    h->kept = etcd_keeper_keep(r->world.keeper, id, TTL_S, now, &events, h);
    sim_must(h->kept != NULL);
    world_drive(&r->world);
}

static void begin(struct run *r, uint64_t seed) {
    *r = (struct run){0};
    world_init(&r->world, seed, MEMBERS);
    world_open(&r->world);
    for (size_t i = 0; i < LEASES; i++) {
        keep(r, &r->holders[i], FIRST_ID + (int64_t)i);
    }
}

/* Nobody believes in a lease that the cluster has ended; looked at all the time. */
static void run_on(struct run *r, int64_t ns) {
    int64_t until = world_now(&r->world) + ns;

    while (sim_step(&r->world.sim, until)) {
        for (size_t i = 0; i < LEASES; i++) {
            const struct holder *h = &r->holders[i];

            CHECK(&r->world, h->is_over || mvcc_lease(&r->world.cluster.mvcc, h->id) != NULL,
                  "lease %lld is held and gone", (long long)h->id);
        }
    }
}

static void end(struct run *r) {
    for (size_t i = 0; i < LEASES; i++) {
        etcd_kept_free(r->holders[i].kept);
    }
    CHECK(&r->world, r->world.cluster.too_many_pings == 0, "pings");
    world_fini(&r->world);
}

static void test_calm(void **state) {
    (void)state;
    FOR_SEEDS(seed, 5) {
        struct run r;

        begin(&r, seed);
        run_on(&r, 100 * SIM_S);
        for (size_t i = 0; i < LEASES; i++) {
            CHECK(&r.world, r.holders[i].renewals >= 15 && r.holders[i].renewals <= 30, "%llu renewals",
                  (unsigned long long)r.holders[i].renewals);
        }
        end(&r);
    }
}

/* One member at a time is ill, whatever it has. */
static void test_weather(void **state) {
    (void)state;
    FOR_SEEDS(seed, 30) {
        struct run r;

        begin(&r, seed);
        weather_begin(&r.weather, &r.world, 8 * SIM_S, WEATHER_ALL, 1);
        run_on(&r, 120 * SIM_S);
        for (size_t i = 0; i < LEASES; i++) {
            CHECK(&r.world, !r.holders[i].is_over && r.holders[i].renewals > 10, "lease %zu", i);
        }
        weather_end(&r.weather);
        end(&r);
    }
}

/* Far away from the cluster they are given up no later than the cluster gives them up. */
static void test_lost(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct run r;

        begin(&r, seed);
        run_on(&r, sim_between(&r.world.sim, 1, 30) * SIM_S);
        for (size_t i = 0; i < MEMBERS; i++) {
            weather_strike(&r.world, seed % 2 == 0 ? WEATHER_CUT : WEATHER_RESET, i);
            net_host_set_cut(cluster_host(&r.world.cluster, i), true);
        }
        run_on(&r, (TTL_S + 2) * SIM_S);
        for (size_t i = 0; i < LEASES; i++) {
            CHECK(&r.world, r.holders[i].is_over && !r.holders[i].is_certain, "lease %zu", i);
        }
        for (size_t i = 0; i < MEMBERS; i++) {
            weather_cure(&r.world, i);
        }
        run_on(&r, 15 * SIM_S);
        for (size_t i = 0; i < LEASES; i++) {
            CHECK(&r.world, r.holders[i].is_certain, "lease %zu", i);
        }
        end(&r);
    }
}

static void test_revoked(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct run r;
        int64_t id;
        struct holder *h;

        begin(&r, seed);
        h = &r.holders[seed % LEASES];
        id = h->id;
        h->lets_go = seed % 2 == 0;
        run_on(&r, sim_between(&r.world.sim, 1, 10) * SIM_S);
        (void)cluster_apply(&r.world.cluster, &(struct store_op){.kind = STORE_OP_LEASE_REVOKE, .lease = {.id = id}});
        world_run(&r.world, TTL_S * SIM_S / 3 + SIM_S);
        CHECK(&r.world, h->is_certain, "it is not known to be over");
        run_on(&r, 20 * SIM_S);
        end(&r);
    }
}

/* --- granting by the client: a lost answer makes no second lease --- */

struct grant {
    struct store_call call;
    bool is_done;
};

static void on_granted(struct store_call *call) {
    ((struct grant *)call)->is_done = true;
}

static void test_grant(void **state) {
    (void)state;
    FOR_SEEDS(seed, 20) {
        struct run r;
        size_t granted = LEASES;

        begin(&r, seed);
        weather_begin(&r.weather, &r.world, SIM_S, WEATHER_ALL, 1);
        for (unsigned i = 0; i < 100; i++) {
            struct grant grant = {0};

            store_call_init(&grant.call, on_granted);
            grant.call.op = (struct store_op){.kind = STORE_OP_LEASE_GRANT, .lease = {.ttl = 100000}};
            grant.call.deadline_ns = world_now(&r.world) + 30 * SIM_S;
            etcd_kv_submit(r.world.client, &grant.call);
            CHECK(&r.world, world_wait(&r.world, &grant.is_done, 31 * SIM_S), "no answer");
            CHECK(&r.world, grant.call.status == STORE_OK && grant.call.result.lease != 0, "%s",
                  store_status_text(grant.call.status));
            CHECK(&r.world, mvcc_lease(&r.world.cluster.mvcc, grant.call.result.lease) != NULL, "it is not there");
            store_call_fini(&grant.call);
            world_run(&r.world, 100 * SIM_MS);
            granted++;
        }
        weather_end(&r.weather);
        world_run(&r.world, 20 * SIM_S);
        CHECK(&r.world, r.world.cluster.mvcc.lease_count == granted, "%zu leases, %zu granted",
              r.world.cluster.mvcc.lease_count, granted);
        end(&r);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm),    cmocka_unit_test(test_weather), cmocka_unit_test(test_lost),
        cmocka_unit_test(test_revoked), cmocka_unit_test(test_grant),
    };

    seeds_init(argc, argv);
    return cmocka_run_group_tests_name("sim lease", tests, NULL, NULL);
}
