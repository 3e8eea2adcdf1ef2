/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "group/shared_op.h"

/* A process: its table, its workers, and what the daemon does with them (daemon/worker.c, daemon/node_ring.c). */

#define TABLE_MEMORY (1 << 20)
#define TICK_NS (LEASE_NS / 5)

static const char *const names[NODES] = {"n0", "n1", "n2", "n3"};

/* --- time --- */

struct timer {
    struct node *node;
    uint64_t boot;
    void (*run)(struct node *node, void *ctx);
    void *ctx;
    bool owns;
};

static void fire(void *ctx) {
    struct timer *timer = ctx;
    struct node *node = timer->node;
    bool lives = node->alive && node->boot == timer->boot;

    if (lives && node->paused_until > world_now()) {
        (void)sim_after(&world->sim, node->paused_until - world_now() + sim_between(&world->sim, 0, SIM_MS), fire,
                        timer);
        return;
    }
    if (lives) {
        timer->run(node, timer->ctx);
    }
    if (timer->owns) {
        free(timer->ctx);
    }
    free(timer);
}

void node_after(struct node *node, int64_t ns, void (*run)(struct node *node, void *ctx), void *ctx, bool owns) {
    struct timer *timer = sim_new(sizeof(*timer));

    *timer = (struct timer){.node = node, .boot = node->boot, .run = run, .ctx = ctx, .owns = owns};
    (void)sim_after(&world->sim, ns, fire, timer);
}

/* --- workers --- */

static void run_queue(struct node *node, void *ctx) {
    struct worker *worker = ctx;

    (void)node;
    shared_worker_begin(&worker->shared);
    pending_queue_run(&worker->queue);
    worker_rest(worker);
}

/* Any worker may post to any other. */
static void wake(void *ctx) {
    struct worker *worker = ctx;

    node_after(worker->node, sim_between(&world->sim, 5 * SIM_US, QUEUE_DELAY_NS), run_queue, worker, false);
}

static void expire(struct node *node, void *ctx) {
    struct worker *worker = ctx;

    (void)node;
    shared_worker_expire(&worker->shared, world_now());
    worker_rest(worker);
}

void worker_rest(struct worker *worker) {
    int64_t deadline_ns = shared_worker_deadline(&worker->shared);

    shared_worker_flush(&worker->shared);
    if (deadline_ns != INT64_MAX) {
        node_after(worker->node, deadline_ns - world_now(), expire, worker, false);
    }
}

struct shared_access worker_access(struct worker *worker, const struct group_policy *policy) {
    static bool expired, cut; /* nobody looks */

    return (struct shared_access){
        .memory =
            {
                .table = &worker->node->table,
                .policy = policy,
                .now = table_seconds(worker->node->shared.start_ns, world_now()),
                .ret_expired = &expired,
                .ret_cut = &cut,
            },
        .worker = &worker->shared,
        .completions = &worker->queue,
        .telemetry = &worker->telemetry,
        .now_ns = world_now(),
    };
}

void node_request(struct worker *worker, const struct request *request, struct reply *reply) {
    const struct group_policy *policy = group_set_find(worker->node->groups, request->key);
    const struct shared_access a = worker_access(worker, policy);

    shared_worker_begin(&worker->shared);
    if (worker->shared.heat != NULL && request->peer == NULL) {
        heat_count(worker->shared.heat, request->key, table_hash(&worker->node->table, request->key), a.now_ns);
    }
    reply->group = policy->index;
    shared_run(&a, request, reply);
}

static void change(struct node *node, void *ctx) {
    struct worker *worker = ctx;

    (void)node;
    shared_worker_begin(&worker->shared);
    worker_rest(worker);
}

void node_told(struct node *node) {
    for (unsigned i = 0; i < WORKERS; i++) {
        node_after(node, sim_between(&world->sim, 0, SIM_MS), change, &node->workers[i], false);
    }
}

/* Whatever was read a moment ago is hot. */
static struct heat *new_heat(void) {
    const struct heat_config config = {.sample = 1, .half_life_ns = SIM_S, .hot_per_s = 1, .seed = 1};
    struct heat *heat;

    sim_must(heat_new(&config, world_now(), &heat) == LARDER_OK);
    return heat;
}

static void make_copies(struct node *node) {
    const struct hot_node_config config = {
        .table = &node->table,
        .keeper = node->shared.keeper,
        .start_ns = node->shared.start_ns,
        .lease_ns = COPY_LEASE_NS,
        .bytes = HOT_NODE_BYTES,
    };

    sim_must(hot_node_new(&config, &node->shared.hot) == LARDER_OK);
}

static void init_worker(struct node *node, unsigned index) {
    struct worker *worker = &node->workers[index];

    *worker = (struct worker){.node = node, .index = index, .queue = {.wake = wake, .ctx = worker}};
    worker_telemetry_init(&worker->telemetry);
    links_init(worker);
    worker->origin = (struct origin_worker){
        .origin = &node->origin,
        .groups = &node->groups,
        .telemetry = &worker->telemetry,
        .loop = (struct loop *)(void *)worker, /* fetch.c */
        .fetch = origin_fetch,
        .shared = &worker->shared,
    };
    worker->shared = (struct shared_worker){
        .shared = &node->shared,
        .groups = &node->groups,
        .peers = &worker->links[0],
        .asks = &worker->links[1],
        .loads = &worker->links[2],
        .origin = &worker->origin,
        .completions = &worker->queue,
        .heat = world->has_copies ? new_heat() : NULL,
    };
}

/* --- the process --- */

/* As if there were no room for it. */
static void evict(struct node *node, struct slice key) {
    uint64_t hash = table_hash(&node->table, key);
    struct shard *s = table_lock(&node->table, hash);
    struct entry *e = shard_find(s, hash, key, table_seconds(node->shared.start_ns, world_now()), NULL);

    if (e != NULL) {
        shard_remove(s, hash, e);
    }
    table_unlock(s);
}

static void tick(struct node *node, void *ctx) {
    (void)ctx;
    if (!world->sweeps_late || sim_chance(&world->sim, 2)) {
        (void)shared_sweep_some(&node->sweep, node->shared.keeper, &node->table, node->groups,
                                (unsigned)sim_between(&world->sim, 1, 4)); /* the table is small: it may take several */
    }
    (void)table_sweep_some(&node->table, table_seconds(node->shared.start_ns, world_now()), 4096);
    if (world->has_copies && world->has_trouble) {
        evict(node, key_name((size_t)sim_between(&world->sim, 0, KEYS - 1)));
    }
    store_tick(node);
    node_after(node, TICK_NS, tick, NULL, false);
}

void node_start(struct node *node) {
    const struct table_config table = {
        .memory = TABLE_MEMORY, .max_item = 64 << 10, .seed = 5, .cas_seed = ++world->ids << 20};
    const struct keeper_config keeper = {
        .id = slice_from_string(names[node->index]), .lease_ns = LEASE_NS, .handoff_ns = HANDOFF_NS};

    *node = (struct node){
        .world = world,
        .index = node->index,
        .alive = true,
        .boot = ++world->ids,
        .groups = world->groups,
        .renewed_ns = INT64_MIN,
        .proven_ns = INT64_MIN,
    };
    seeds_trace(&world->sim, "node %d starts", node->index);
    sim_must(table_init(&node->table, &table) == LARDER_OK);
    sim_must(origin_init(&node->origin, &node->table, world_now(), WORKERS) == LARDER_OK);
    sim_must(keeper_new(&keeper, &node->shared.keeper) == LARDER_OK);
    sim_must(shared_flights_new(&node->shared.flights) == LARDER_OK);
    node->cluster.node = node;
    node->shared.cluster = &node->cluster;
    node->shared.start_ns = world_now();
    node->shared.timeout_ns = PEER_TIMEOUT_NS;
    node->shared.value_max = 64 << 10;
    if (world->has_copies) {
        make_copies(node);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        init_worker(node, i);
    }
    tick(node, NULL);
}

static bool run_what_is_left(struct node *node) {
    bool any = false;

    for (unsigned i = 0; i < WORKERS; i++) {
        if (!pending_queue_is_empty(&node->workers[i].queue)) {
            pending_queue_run(&node->workers[i].queue);
            any = true;
        }
    }
    return any;
}

static void end_copies(struct node *node) {
    struct hot_node_counts counts;

    if (node->shared.hot != NULL) {
        hot_node_count(node->shared.hot, &counts);
        ENSURE(counts.ledger.revoking == 0, "node %d waits for copies at its end", node->index);
        world->copies.ledger.granted += counts.ledger.granted;
        world->copies.ledger.answered += counts.ledger.answered;
        world->copies.ledger.expired += counts.ledger.expired;
        world->copies.shelf.served += counts.shelf.served;
        hot_node_free(node->shared.hot);
    }
}

/* As a process ends that is asked to: all that waits comes to its end, and nothing is held. */
void node_kill(struct node *node) {
    seeds_trace(&world->sim, "node %d ends", node->index);
    node->alive = false;
    links_lose(node);
    client_leave(node);
    store_end(node);
    for (unsigned i = 0; i < WORKERS; i++) {
        shared_worker_end(&node->workers[i].shared);
        links_end(&node->workers[i]);
        origin_worker_end(&node->workers[i].origin);
    }
    while (run_what_is_left(node)) {
    }
    ENSURE(origin_under_way(&node->origin) == 0, "node %d still asks the origin at its end", node->index);
    origin_void(&node->origin, GROUP_MAX, SLICE("")); /* what is kept aside */
    ENSURE(origin_charge(&node->origin, ORIGIN_MEMORY_MAX), "node %d holds answers at its end", node->index);
    end_copies(node);
    ENSURE(atomic_load(shared_flights_memory(node->shared.flights)) == 0, "node %d holds requests at its end",
           node->index);
    for (unsigned i = 0; i < WORKERS; i++) {
        heat_free(node->workers[i].shared.heat);
        worker_telemetry_fini(&node->workers[i].telemetry);
    }
    shared_sweep_end(&node->sweep);
    shared_flights_free(node->shared.flights);
    keeper_free(node->shared.keeper);
    origin_fini(&node->origin);
    table_fini(&node->table);
}
