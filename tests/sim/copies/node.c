/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static const char *const names[KEYS] = {"alpha", "beta", "gamma"};

struct slice key_name(size_t key) {
    return slice_from_string(names[key]);
}

uint64_t key_hash(size_t key) {
    return (key + 1) * UINT64_C(0xd6e8feb86659fd93);
}

int64_t node_now(const struct node *node) {
    return node->world->sim.now_ns / 1000 * node->rate;
}

/* --- timers --- */

struct timer {
    struct node *node;
    uint64_t boot;
    uint64_t id;
    void (*run)(struct node *node, uint64_t id);
};

static void fire(void *ctx) {
    struct timer *timer = ctx;
    struct node *node = timer->node;

    if (node->alive && node->boot == timer->boot) {
        struct sim *sim = &node->world->sim;

        if (node->paused_until > sim->now_ns) {
            (void)sim_after(sim, node->paused_until - sim->now_ns + sim_between(sim, 0, SIM_MS), fire, timer);
            return;
        }
        timer->run(node, timer->id);
    }
    free(timer);
}

void node_after(struct node *node, int64_t ns, void (*run)(struct node *node, uint64_t id), uint64_t id) {
    struct timer *timer = sim_new(sizeof(*timer));

    *timer = (struct timer){.node = node, .boot = node->boot, .id = id, .run = run};
    (void)sim_after(&node->world->sim, (ns + node->rate - 1) / node->rate * 1000, fire, timer);
}

/* --- views --- */

bool node_has_authority(const struct node *node) {
    return node->incarnation != 0 && node->view.members[node->index] == node->incarnation &&
           node_now(node) < node->authority_ns;
}

bool node_owns(const struct node *node, size_t key) {
    return node->view.members[node->index] == node->incarnation && view_owner(&node->view, key) == node->index;
}

static void purge(struct node *node) {
    for (size_t key = 0; key < KEYS; key++) {
        struct tenure *t = &node->keys[key];

        if (t->owns && t->settled && node_has_authority(node)) {
            node->world->purged[key] = truth_version(node->world, key, 0);
        }
        t->entry.version = 0;
    }
}

/* A former owner whose lease is over, and who had it for sure, is not waited for: what he granted is over, too. */
static void gain(struct node *node, struct tenure *t, const struct view *old, size_t key, bool gap) {
    int former = view_owner(old, key);
    bool certain = !gap && former != NOBODY && former != node->index;

    *t = (struct tenure){.owns = true, .former = NOBODY, .learned_ns = node_now(node)};
    if (certain && node->view.members[former] == old->members[former]) {
        t->former = former;
    } else if (certain && node->view.members[former] == 0 && node_now(node) - node->digest_ns >= LEASE_NS) {
        t->settled = true;
    }
}

static void learn_key(struct node *node, const struct view *old, size_t key, bool gap) {
    struct tenure *t = &node->keys[key];
    bool owns = node_owns(node, key);

    if (owns && (!t->owns || gap || node->view.members[node->index] != old->members[node->index])) {
        gain(node, t, old, key, gap);
    } else if (!owns && t->owns) {
        t->owns = false;
        t->lost_settled = t->settled && !gap;
        t->lost_digest = node->view.digest;
        t->settled = false;
    }
}

static void learn(struct node *node, const struct view *view) {
    struct view old = node->view;

    if (view->serial <= old.serial) {
        return;
    }
    if (view->purges > old.purges) {
        purge(node);
    }
    node->view = *view;
    seeds_trace(&node->world->sim, "node %d (%lld) learns %llu, digest %llu, purges %lld: %lld %lld %lld %lld %lld",
                node->index, (long long)node->incarnation, (unsigned long long)view->serial,
                (unsigned long long)view->digest, (long long)view->purges, (long long)view->members[0],
                (long long)view->members[1], (long long)view->members[2], (long long)view->members[3],
                (long long)view->members[4]);
    if (view->digest != old.digest) {
        for (size_t key = 0; key < KEYS; key++) {
            learn_key(node, &old, key, old.serial != 0 && view->digest != old.digest + 1);
        }
        node->digest_ns = node_now(node);
    }
}

static void receive_view(struct node *node, const struct message *m) {
    if (m->from_boot != node->boot || m->from_member != node->incarnation) {
        return;
    }
    learn(node, &m->view);
    if (m->view.members[node->index] != node->incarnation) {
        if (node->view.members[node->index] != node->incarnation) {
            node->incarnation = ++node->world->members; /* its record has gone: a new one */
            node->authority_ns = INT64_MIN;
        }
        return;
    }
    if (node->authority_ns < m->sent_ns + LEASE_NS - LEASE_NS / KEEPER_MARGIN) {
        node->authority_ns = m->sent_ns + LEASE_NS - LEASE_NS / KEEPER_MARGIN;
    }
}

static void poll(struct node *node, uint64_t id) {
    struct message m = node_message(node, MESSAGE_POLL, STORE);

    m.sent_ns = node_now(node);
    world_send(node->world, &m);
    if (node->world->has_clients || node->world->begun != node->world->ended || node->world->begun == 0) {
        node_after(node, POLL_NS, poll, id);
    }
}

/* --- processes --- */

void node_start(struct node *node) {
    const struct hot_ledger_config ledger = {
        .lease_ns = COPY_LEASE_NS, .keys_max = 2, .holders_max = 3, .revoking_max = 2};
    const struct hot_shelf_config shelf = {.keys_max = 2, .bytes_max = 1 << 20};

    node->alive = true;
    node->boot = ++node->world->ids;
    node->incarnation = ++node->world->members;
    node->authority_ns = INT64_MIN;
    node->view = (struct view){0};
    memset(node->keys, 0, sizeof(node->keys));
    sim_must(hot_ledger_new(&ledger, &node->ledger) == LARDER_OK);
    sim_must(hot_shelf_new(&shelf, &node->shelf) == LARDER_OK);
    poll(node, 0);
}

void node_kill(struct node *node) {
    struct hot_shelf_counts counts;

    if (!node->alive) {
        return;
    }
    owner_clear(node);
    client_clear(node);
    hot_shelf_count(node->shelf, &counts);
    node->world->served += counts.served;
    node->world->revoked += counts.revoked;
    hot_ledger_free(node->ledger);
    hot_shelf_free(node->shelf);
    node->alive = false;
}

struct message node_message(struct node *node, enum message_kind kind, int to) {
    return (struct message){
        .kind = kind,
        .from = node->index,
        .to = to,
        .from_boot = node->boot,
        .from_member = node->incarnation,
        .to_member = to == STORE ? 0 : node->view.members[to],
        .view = node->view,
    };
}

static void revoke(struct node *node, const struct message *m) {
    struct message reply = node_message(node, MESSAGE_REVOKED, m->from);

    if (m->to_member != node->incarnation) {
        return;
    }
    seeds_trace(&node->world->sim, "node %d drops key %zu", node->index, m->key);
    hot_revoke(node->shelf, key_name(m->key), key_hash(m->key), node_now(node));
    reply.key = m->key;
    reply.id = m->id;
    world_send(node->world, &reply);
}

void node_receive(struct node *node, const struct message *m) {
    switch (m->kind) {
    case MESSAGE_VIEW:
        receive_view(node, m);
        break;
    case MESSAGE_ASK:
        owner_serve(node, m);
        break;
    case MESSAGE_ANSWER:
        client_answered(node, m);
        break;
    case MESSAGE_REVOKE:
        revoke(node, m);
        break;
    case MESSAGE_REVOKED:
        owner_revoked(node, m);
        break;
    case MESSAGE_GIVE_UP:
        owner_give_up(node, m);
        break;
    case MESSAGE_GIVEN:
        owner_given(node, m);
        break;
    case MESSAGE_POLL:
        break;
    }
}
