/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/clock.h"

#define WALL_NS (INT64_C(1600000000) * SIM_S) /* behind the other clock */

struct world *world;

/* --- the clocks of everybody --- */

int64_t clock_monotonic_ns(void) {
    return world->sim.now_ns;
}

int64_t clock_wall_ns(void) {
    return WALL_NS + world->sim.now_ns;
}

int64_t world_now(void) {
    return world->sim.now_ns;
}

int64_t world_delay(void) {
    return sim_between(&world->sim, 100 * SIM_US, sim_chance(&world->sim, 5) ? 60 * SIM_MS : 2 * SIM_MS);
}

/* --- what happens --- */

static void next_client(void *ctx) {
    (void)ctx;
    if (world->has_clients) {
        client_begin();
        (void)sim_after(&world->sim, sim_between(&world->sim, 0, 2 * world->client_pause_ns), next_client, NULL);
    }
}

static void next_version(void *ctx) {
    (void)ctx;
    if (world->has_clients) {
        server_change((size_t)sim_between(&world->sim, 0, KEYS - 1));
        (void)sim_after(&world->sim, sim_between(&world->sim, 0, 800 * SIM_MS), next_version, NULL);
    }
}

static void start_again(void *ctx) {
    struct node *node = ctx;

    if (!node->alive) {
        node_start(node);
    }
}

static void cut_some(size_t a, bool cut) {
    size_t b = (size_t)sim_between(&world->sim, 0, STORE);

    world->cut[a][b] = cut;
    if (sim_chance(&world->sim, 50)) {
        world->cut[b][a] = cut;
    }
    world->cut[a][a] = false;
}

static void mend(size_t a) {
    for (size_t b = 0; b < PLACES; b++) {
        world->cut[a][b] = world->cut[b][a] = false;
    }
}

static void trouble_owners(struct node *node) {
    switch (sim_between(&world->sim, 0, 5)) {
    case 0:
        node->paused_until = world_now() + sim_between(&world->sim, 0, 2 * LEASE_NS);
        break;
    case 1:
        if (node->alive) {
            node_kill(node);
            (void)sim_after(&world->sim, sim_between(&world->sim, 0, 2 * LEASE_NS), start_again, node);
        }
        break;
    case 2:
    case 3:
        cut_some((size_t)node->index, true);
        break;
    default:
        mend((size_t)node->index);
        break;
    }
}

static void next_trouble(void *ctx) {
    struct node *node = &world->nodes[sim_between(&world->sim, 0, (int64_t)world->count - 1)];

    (void)ctx;
    if (!world->has_trouble) {
        return;
    }
    if (world->changes_owners && sim_chance(&world->sim, 70)) {
        trouble_owners(node);
    } else if (sim_chance(&world->sim, 50)) {
        world->origin_down_until = world_now() + sim_between(&world->sim, 0, 500 * SIM_MS);
    } else if (node->alive) {
        links_break(&node->workers[sim_between(&world->sim, 0, WORKERS - 1)]);
    }
    (void)sim_after(&world->sim, sim_between(&world->sim, 0, 400 * SIM_MS), next_trouble, NULL);
}

/* --- the whole --- */

static void make_groups(struct world *w) {
    struct group_policy policy = group_policy_make(SLICE("o"), 64 << 10);
    struct origin_policy *answers = &policy.origin.answers;
    static const char url[] = "http://origin";
    static const char fields[] = "x-answer,";

    policy.backing = GROUP_BACKING_ORIGIN;
    policy.origin.url_size = sizeof(url) - 1;
    memcpy(policy.origin.url, url, sizeof(url) - 1);
    policy.origin.fields_size = sizeof(fields) - 1;
    memcpy(policy.origin.fields, fields, sizeof(fields) - 1);
    policy.origin.timeout_ns = ORIGIN_TIMEOUT_NS;
    answers->ttl_ms = 1500;
    answers->absent_ttl_ms = 700;
    answers->error_ttl_ms = sim_chance(&w->sim, 50) ? 300 : 0;
    answers->marker_ttl_ms = 1500;
    answers->while_revalidate_ms = sim_chance(&w->sim, 50) ? 400 : 0;
    answers->if_error_ms = sim_chance(&w->sim, 50) ? 800 : 0;
    answers->keep_ms = 5000;
    answers->max_body = BODY_MAX;
    sim_must(group_set_build(&policy, 1, 64 << 10, NULL, &w->groups) == LARDER_OK);
    w->policy = group_set_find_by_name(w->groups, SLICE("o"));
}

void world_init(struct world *w, uint64_t seed, size_t nodes) {
    *w = (struct world){.count = nodes, .client_pause_ns = 2 * SIM_MS};
    world = w;
    sim_init(&w->sim, seed);
    make_groups(w);
    w->store.revision = 1;
}

void world_start(void) {
    server_init();
    for (size_t i = 0; i < world->count; i++) {
        world->nodes[i].world = world;
        world->nodes[i].index = (int)i;
        node_start(&world->nodes[i]);
    }
    world_run(3 * LEASE_NS);
    world->has_clients = true;
    (void)sim_after(&world->sim, 0, next_client, NULL);
    (void)sim_after(&world->sim, 0, next_version, NULL);
    (void)sim_after(&world->sim, 100 * SIM_MS, next_trouble, NULL);
}

void world_run(int64_t ns) {
    sim_run(&world->sim, world->sim.now_ns + ns);
}

void world_heal(void) {
    world->has_trouble = false;
    world->bad_origin = world->loss = 0;
    world->origin_down_until = 0;
    memset(world->cut, 0, sizeof(world->cut));
    for (size_t i = 0; i < world->count; i++) {
        world->nodes[i].paused_until = 0;
        start_again(&world->nodes[i]);
    }
    world_run(3 * LEASE_NS);
}

void world_fini(void) {
    world->has_clients = false;
    world->has_trouble = false;
    world_run(8 * ORIGIN_TIMEOUT_NS + 8 * PEER_TIMEOUT_NS + 4 * LEASE_NS);
    ENSURE(world->begun == world->ended, "%" PRIu64 " of %" PRIu64 " requests never ended", world->begun - world->ended,
           world->begun);
    for (size_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];

        if (node->alive) {
            ENSURE(origin_under_way(&node->origin) == 0, "node %zu still asks the origin", i);
            node_kill(node);
        }
    }
    while (sim_step(&world->sim, INT64_MAX)) { /* what is on the way finds nobody */
        for (size_t i = 0; i < world->count; i++) {
            if (world->nodes[i].alive) {
                node_kill(&world->nodes[i]); /* who was to start again */
            }
        }
    }
    store_fini();
    for (size_t i = 0; i < KEYS; i++) {
        free(world->keys[i].versions);
    }
    free(world->loads);
    free(world->primes);
    group_set_free(world->groups);
    sim_fini(&world->sim);
}
