/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* --- network --- */

struct parcel {
    struct world *world;
    struct message message;
};

static void deliver(void *ctx) {
    struct parcel *parcel = ctx;
    struct world *world = parcel->world;
    struct message *m = &parcel->message;
    struct node *node = m->to == STORE ? NULL : &world->nodes[m->to];

    if (world->cut[m->from][m->to]) {
        free(parcel);
        return;
    }
    if (node != NULL && node->paused_until > world->sim.now_ns) {
        (void)sim_after(&world->sim, node->paused_until - world->sim.now_ns + sim_between(&world->sim, 0, SIM_MS),
                        deliver, parcel);
        return;
    }
    if (node == NULL) {
        store_receive(world, m);
    } else if (node->alive) {
        node_receive(node, m);
    }
    free(parcel);
}

static int64_t delay(struct world *world) {
    if (sim_chance(&world->sim, world->slow)) {
        return sim_between(&world->sim, 0, 2 * COPY_LEASE_NS);
    }
    return sim_between(&world->sim, 100 * SIM_US, 2 * SIM_MS);
}

static void send_one(struct world *world, const struct message *message) {
    struct parcel *parcel = sim_new(sizeof(*parcel));

    parcel->world = world;
    parcel->message = *message;
    (void)sim_after(&world->sim, delay(world), deliver, parcel);
}

void world_send(struct world *world, const struct message *message) {
    if (!sim_chance(&world->sim, world->loss)) {
        send_one(world, message);
    }
    if (sim_chance(&world->sim, world->twice)) {
        send_one(world, message);
    }
}

/* --- clients --- */

static void next_client(void *ctx) {
    struct world *world = ctx;
    struct node *node = &world->nodes[sim_between(&world->sim, 0, (int64_t)world->count - 1)];
    int64_t kind = sim_between(&world->sim, 0, 99);
    size_t key = (size_t)sim_between(&world->sim, 0, KEYS - 1);

    if (!world->has_clients) {
        return;
    }
    if (node->alive && node->paused_until <= world->sim.now_ns) {
        client_begin(node, kind < 85 ? OP_READ : kind < 96 ? OP_WRITE : OP_DELETE, key);
        if (kind == 99) {
            owner_evict(node, key);
        }
    }
    if (sim_between(&world->sim, 0, 9999) < world->purge_percent * 10) {
        store_purge(world);
    }
    (void)sim_after(&world->sim, sim_between(&world->sim, 0, 2 * world->client_pause_ns), next_client, world);
}

/* --- trouble --- */

static void start_again(void *ctx) {
    struct node *node = ctx;

    if (!node->alive) {
        node_start(node);
    }
}

static void cut_some(struct world *world, size_t a, bool cut) {
    size_t b = (size_t)sim_between(&world->sim, 0, STORE);

    world->cut[a][b] = cut;
    if (sim_chance(&world->sim, 50)) {
        world->cut[b][a] = cut;
    }
    world->cut[a][a] = false;
}

static void trouble(void *ctx) {
    struct world *world = ctx;
    size_t index = (size_t)sim_between(&world->sim, 0, (int64_t)world->count - 1);
    struct node *node = &world->nodes[index];

    if (!world->has_trouble) {
        return;
    }
    switch (sim_between(&world->sim, 0, 5)) {
    case 0:
        node->paused_until = world->sim.now_ns + sim_between(&world->sim, 0, 6 * COPY_LEASE_NS);
        break;
    case 1:
        if (node->alive) {
            node_kill(node);
            (void)sim_after(&world->sim, sim_between(&world->sim, 0, 2 * LEASE_NS), start_again, node);
        }
        break;
    case 2:
    case 3:
        cut_some(world, index, true);
        break;
    default:
        for (size_t b = 0; b < PLACES; b++) {
            world->cut[index][b] = world->cut[b][index] = false;
        }
        break;
    }
    (void)sim_after(&world->sim, sim_between(&world->sim, 0, 200 * SIM_MS), trouble, world);
}

/* --- the whole --- */

void world_init(struct world *world, uint64_t seed, size_t nodes) {
    *world = (struct world){.count = nodes, .client_pause_ns = 2 * SIM_MS};
    sim_init(&world->sim, seed);
    store_start(world);
    for (size_t i = 0; i < nodes; i++) {
        struct node *node = &world->nodes[i];

        node->world = world;
        node->index = (int)i;
        node->rate = sim_chance(&world->sim, 60) ? (sim_chance(&world->sim, 50) ? 940 : 1060)
                                                 : sim_between(&world->sim, 940, 1060);
        node_start(node);
    }
    world_run(world, 2 * LEASE_NS);
    world->has_clients = true;
    (void)sim_after(&world->sim, 0, next_client, world);
    (void)sim_after(&world->sim, 300 * SIM_MS, trouble, world);
}

void world_run(struct world *world, int64_t ns) {
    sim_run(&world->sim, world->sim.now_ns + ns);
}

void world_heal(struct world *world) {
    world->has_trouble = false;
    world->loss = world->twice = world->slow = 0;
    memset(world->cut, 0, sizeof(world->cut));
    for (size_t i = 0; i < world->count; i++) {
        world->nodes[i].paused_until = 0;
        start_again(&world->nodes[i]);
    }
    world_run(world, 3 * LEASE_NS);
}

void world_fini(struct world *world) {
    world->has_clients = false;
    world->has_trouble = false;
    world_run(world, 4 * DEADLINE_NS + 8 * COPY_LEASE_NS);
    ENSURE(world->begun == world->ended, "%llu of %llu requests never ended",
           (unsigned long long)(world->begun - world->ended), (unsigned long long)world->begun);
    for (size_t i = 0; i < world->count; i++) {
        ENSURE(world->nodes[i].changes == NULL, "a change waits for ever at node %zu", i);
        node_kill(&world->nodes[i]);
    }
    for (size_t i = 0; i < KEYS; i++) {
        free(world->expires[i]);
    }
    while (sim_step(&world->sim, INT64_MAX)) { /* what is on the way finds nobody */
        for (size_t i = 0; i < world->count; i++) {
            node_kill(&world->nodes[i]); /* who was to start again */
        }
    }
    sim_fini(&world->sim);
}
