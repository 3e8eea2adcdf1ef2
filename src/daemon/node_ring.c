/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/node.h"
#include "group/shared.h"

enum { TOKEN_LINE_MAX = GREETING_TOKEN_MAX + 2, RING_PENDING_MAX = 4096 /* requests under way to one node */ };

struct node_ring {
    struct node *node;
    struct shared shared;
    struct shared_sweep sweep;
    struct peers_roll roll;
    struct greeting_identity identity;
    char address[ADDRESS_TEXT_MAX];
    char token[TOKEN_LINE_MAX];
    struct timer *timer;
    struct mailbox_message message;
    atomic_bool waking;
    void (*left)(struct node *node); /* NULL: it is not leaving */
};

/* --- the cluster's machine, on the control thread --- */

static void tick(void *ctx) {
    struct node_ring *ring = ctx;
    int64_t now_ns = clock_monotonic_ns(), due_ns;

    if (ring->shared.cluster == NULL) {
        return; /* what the mailbox still had at the end */
    }
    due_ns = cluster_tick(ring->shared.cluster, now_ns);
    if (due_ns < INT64_MAX) {
        timer_start(ring->timer, due_ns - now_ns, 0);
    }
    if (ring->left != NULL && cluster_has_left(ring->shared.cluster)) {
        void (*left)(struct node *) = ring->left;

        ring->left = NULL;
        left(ring->node);
    }
}

static void run_wake(struct mailbox_message *message) {
    struct node_ring *ring = (struct node_ring *)(void *)((char *)message - offsetof(struct node_ring, message));

    atomic_store(&ring->waking, false);
    tick(ring);
}

/* Any thread. */
static void wake(void *ctx) {
    struct node_ring *ring = ctx;

    if (!atomic_exchange(&ring->waking, true)) {
        mailbox_post(ring->node->mailbox, &ring->message);
    }
}

static void on_change(void *ctx) {
    struct node_ring *ring = ctx;

    for (unsigned i = 0; i < ring->node->started; i++) {
        struct worker *w = &ring->node->workers[i];

        if (!atomic_exchange(&w->ring_told, true)) {
            mailbox_post(w->mailbox, &w->ring_changed);
        }
    }
}

static void on_clear(void *ctx) {
    struct node_ring *ring = ctx;

    shared_sweep_end(&ring->sweep);
    table_clear(&ring->node->table);
}

/* Where a group is not declared its keys are the default group's. That goes as a whole then: rather too much than something
 * that was purged. */
static unsigned group_index(void *ctx, struct slice name) {
    struct node_ring *ring = ctx;
    const struct group_policy *policy = group_set_find_by_name(ring->node->groups, name);

    if (policy == NULL) {
        return GROUP_DEFAULT;
    }
    return group_policy_is_store(policy) ? KEEPER_GROUPS : policy->index;
}

/* --- making it --- */

static bool read_token(struct node_ring *ring, const char *path) {
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    bool good = file != NULL && fgets(ring->token, sizeof(ring->token), file) != NULL;

    if (file != NULL) {
        fclose(file);
    }
    ring->token[strcspn(ring->token, "\r\n")] = '\0';
    if (path != NULL && (!good || ring->token[0] == '\0' || strlen(ring->token) > GREETING_TOKEN_MAX)) {
        log_error("cluster-token-file: its first line is no secret of 1 to 1024 bytes", log_string("path", path));
        return false;
    }
    if (path == NULL) {
        log_warn("there is no cluster-token-file: whoever reaches this node can ask as a node of the cluster does");
    }
    return true;
}

static bool find_names(struct node_ring *ring) {
    const struct options *o = ring->node->options;
    const char *problem;

    if (o->advertise != NULL) {
        snprintf(ring->address, sizeof(ring->address), "%s", o->advertise);
    } else {
        struct address address = *ring_default_address(o);

        address.port = address.port != 0 ? address.port : ring->node->shared.tcp_port;
        address_format(&address, ring->address);
    }
    ring->identity = (struct greeting_identity){
        .cluster = slice_from_string(o->cluster),
        .id = slice_from_string(o->node_id != NULL ? o->node_id : ring->address),
        .token = slice_from_string(ring->token),
    };
    problem = member_id_problem(ring->identity.id);
    if (problem != NULL) {
        log_error("this cannot be a node's id; give another with node-id", log_slice("id", ring->identity.id),
                  log_string("reason", problem));
    }
    return problem == NULL;
}

static bool make_copies(struct node_ring *ring) {
    const struct options *o = ring->node->options;
    const struct hot_node_config config = {
        .table = &ring->node->table,
        .keeper = ring->shared.keeper,
        .start_ns = ring->node->shared.start_ns,
        .lease_ns = (int64_t)o->copy_lease_ns,
        .bytes = (size_t)o->copy_memory,
        .serve_isolated = strcmp(o->on_isolation, isolation_words[1]) == 0,
    };

    return o->copy_lease_ns == 0 || hot_node_new(&config, &ring->shared.hot) == LARDER_OK;
}

static bool make_machines(struct node_ring *ring) {
    const struct options *o = ring->node->options;
    const struct keeper_config keeper = {
        .id = ring->identity.id,
        .lease_ns = (int64_t)o->lease_ns,
        .handoff_ns = (int64_t)o->handoff_ns,
        .serve_isolated = strcmp(o->on_isolation, isolation_words[1]) == 0,
    };
    struct cluster_config cluster = {
        .name = ring->identity.cluster,
        .id = ring->identity.id,
        .address = slice_from_string(ring->address),
        .lease_ns = (int64_t)o->lease_ns,
        .handoff_ns = (int64_t)(o->handoff_ns < o->drain_timeout_ns ? o->handoff_ns : o->drain_timeout_ns),
        .store = ring->node->shared.store,
        .wake = wake,
        .on_change = on_change,
        .on_clear = on_clear,
        .ctx = ring,
        .group_index = group_index,
    };

    if (keeper_new(&keeper, &ring->shared.keeper) != LARDER_OK) {
        return false;
    }
    cluster.keeper = ring->shared.keeper;
    ring->shared.start_ns = ring->node->shared.start_ns;
    ring->shared.timeout_ns = (int64_t)o->peer_timeout_ns;
    ring->shared.value_max = (size_t)o->max_item;
    ring->message.run = run_wake;
    ring->timer = timer_new(ring->node->loop, tick, ring);
    return ring->timer != NULL && make_copies(ring) && cluster_new(&cluster, &ring->shared.cluster) == LARDER_OK &&
           shared_flights_new(&ring->shared.flights) == LARDER_OK;
}

bool node_ring_open(struct node *node) {
    struct node_ring *ring;

    if (node->options->cluster == NULL) {
        return true;
    }
    ring = calloc(1, sizeof(*ring));
    if (ring == NULL) {
        log_error("cannot start: out of memory");
        return false;
    }
    node->ring = ring;
    ring->node = node;
    peers_roll_init(&ring->roll);
    ring->shared.roll = &ring->roll;
    if (!read_token(ring, node->options->cluster_token_file) || !find_names(ring)) {
        return false;
    }
    if (!make_machines(ring)) {
        log_error("cannot start: out of memory");
        return false;
    }
    node->shared.shared = &ring->shared;
    node->shared.peer_identity = &ring->identity;
    return true;
}

void node_ring_start(struct node *node) {
    if (node->ring != NULL) {
        wake(node->ring);
    }
}

bool node_ring_leave(struct node *node, void (*done)(struct node *node)) {
    struct node_ring *ring = node->ring;

    if (ring == NULL) {
        return false;
    }
    log_info("leaving the cluster", log_slice("cluster", ring->identity.cluster), log_slice("id", ring->identity.id));
    ring->left = done;
    cluster_leave(ring->shared.cluster, clock_monotonic_ns());
    wake(ring);
    return true;
}

bool node_ring_sweep(struct node *node, unsigned steps) {
    struct node_ring *ring = node->ring;

    return ring != NULL && shared_sweep_some(&ring->sweep, ring->shared.keeper, &node->table, node->groups, steps);
}

/* --- the end --- */

void node_ring_stop(struct node *node) {
    struct node_ring *ring = node->ring;

    if (ring == NULL || ring->shared.cluster == NULL) {
        return;
    }
    cluster_stop(ring->shared.cluster);
    for (unsigned i = 0; i < node->started; i++) {
        worker_ring_fini(&node->workers[i]);
    }
}

void node_ring_end(struct node *node) {
    if (node->ring != NULL) {
        cluster_free(node->ring->shared.cluster);
        node->ring->shared.cluster = NULL;
    }
}

void node_ring_free(struct node *node) {
    struct node_ring *ring = node->ring;

    if (ring == NULL) {
        return;
    }
    shared_sweep_end(&ring->sweep);
    hot_node_free(ring->shared.hot); /* its values are charged to the flights' memory */
    shared_flights_free(ring->shared.flights);
    keeper_free(ring->shared.keeper);
    timer_free(ring->timer);
    peers_roll_fini(&ring->roll);
    explicit_bzero(ring->token, sizeof(ring->token));
    free(ring);
    node->ring = NULL;
}

/* --- of a worker --- */

static void run_changed(struct mailbox_message *message) {
    struct worker *w = (struct worker *)(void *)((char *)message - offsetof(struct worker, ring_changed));

    atomic_store(&w->ring_told, false);
    cmd_context_set_now(&w->sessions.context, clock_monotonic_ns());
    worker_ring_begin(w);
    worker_watch_deadline(w);
}

/* Requests that end with what has come are booked with this moment. */
static void on_answers(void *ctx) {
    struct worker *w = ctx;

    cmd_context_set_now(&w->sessions.context, clock_monotonic_ns());
}

enum larder_error worker_ring_init(struct worker *w) {
    struct node_ring *ring = w->node->ring;
    struct peers_config config;
    enum larder_error error;

    if (ring == NULL) {
        return LARDER_OK;
    }
    config = (struct peers_config){
        .identity = &ring->identity,
        .pending = RING_PENDING_MAX,
        .value = (size_t)w->node->options->max_item,
        .seed = random_os_seed(),
        .roll = &ring->roll,
        .on_input = on_answers,
        .ctx = w,
    };
    w->ring_changed.run = run_changed;
    w->shared.shared = &ring->shared;
    w->shared.groups = &w->sessions.context.groups;
    error = peers_new(w->loop, &config, &w->shared.peers);
    if (error == LARDER_OK) {
        error = peers_new(w->loop, &config, &w->shared.asks);
    }
    if (error == LARDER_OK) {
        error = peers_new(w->loop, &config, &w->shared.loads);
    }
    w->shared.origin = &w->origin;
    w->shared.completions = &w->sessions.completions;
    w->sessions.context.shared_worker = &w->shared;
    return error;
}

void worker_ring_fini(struct worker *w) {
    if (w->shared.shared != NULL) {
        shared_worker_end(&w->shared);
        peers_free(w->shared.peers);
        peers_free(w->shared.asks);
        peers_free(w->shared.loads);
        w->shared.peers = NULL;
        w->shared.asks = NULL;
        w->shared.loads = NULL;
        w->sessions.context.shared_worker = NULL;
    }
}

/* Not before it has links, and not when they have ended, as replies that come late are taken in after that. */
static bool has_links(const struct worker *w) {
    return w->shared.peers != NULL && w->shared.asks != NULL && w->shared.loads != NULL;
}

void worker_ring_begin(struct worker *w) {
    if (has_links(w)) {
        shared_worker_begin(&w->shared);
    }
}

int64_t worker_ring_deadline(const struct worker *w) {
    return has_links(w) ? shared_worker_deadline(&w->shared) : INT64_MAX;
}

void worker_ring_expire(struct worker *w) {
    if (has_links(w)) {
        shared_worker_expire(&w->shared, w->sessions.context.now_ns);
    }
}
