/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* The owner's part. */

static void try_again(struct node *node, uint64_t id);

static void answer(struct node *node, const struct message *asked, enum outcome outcome, uint64_t version,
                   int64_t lease_ns) {
    struct message m = node_message(node, MESSAGE_ANSWER, asked->from);

    m.id = asked->id;
    m.key = asked->key;
    m.outcome = outcome;
    m.version = version;
    m.lease_ns = lease_ns;
    if (asked->from == node->index) {
        client_answered(node, &m);
    } else {
        world_send(node->world, &m);
    }
}

/* Whether the node may act on the key for who asks. A peer must have the same members. */
static bool may_act(const struct node *node, const struct message *asked) {
    return node_has_authority(node) && node_owns(node, asked->key) && node->keys[asked->key].settled &&
           (asked->from == node->index || asked->view.digest == node->view.digest);
}

static void expire(struct node *node, struct tenure *t) {
    if (t->entry.version != 0 && t->entry.expires_ns <= node_now(node)) {
        t->entry.version = 0;
    }
}

/* --- reads --- */

static void serve_read(struct node *node, const struct message *asked) {
    struct tenure *t = &node->keys[asked->key];
    struct hot_read read = {
        .key = key_name(asked->key),
        .hash = key_hash(asked->key),
        .holder = asked->from_member,
        .is_hot = true,
        .expires_ns = t->entry.expires_ns,
        .authority_ns = node->authority_ns,
        .purges = node->view.purges,
        .asker_purges = asked->view.purges,
    };
    int64_t lease_ns = 0;

    expire(node, t);
    if (t->entry.version == 0) {
        answer(node, asked, OUTCOME_MISS, 0, 0);
        return;
    }
    if (asked->from != node->index) {
        lease_ns = hot_grant(node->ledger, &read, node_now(node));
        seeds_trace(&node->world->sim, "node %d grants key %zu, version %llu, to %d", node->index, asked->key,
                    (unsigned long long)t->entry.version, asked->from);
    }
    answer(node, asked, OUTCOME_HIT, t->entry.version, lease_ns);
}

/* --- changes --- */

static void send_revocations(struct node *node, size_t key, const struct hot_revocation *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (int to = 0; to < NODES; to++) {
            if (node->view.members[to] == list[i].holder) {
                struct message m = node_message(node, MESSAGE_REVOKE, to);

                m.key = key;
                m.id = list[i].number;
                world_send(node->world, &m);
            }
        }
    }
}

static void apply(struct node *node, const struct message *asked) {
    struct tenure *t = &node->keys[asked->key];
    struct world *world = node->world;

    if (asked->kind == MESSAGE_GIVE_UP) {
        struct message m = node_message(node, MESSAGE_GIVEN, asked->from);

        expire(node, t);
        m.key = asked->key;
        m.sent_ns = asked->sent_ns;
        m.version = t->entry.version;
        m.left_ns = t->entry.version == 0 ? 0 : t->entry.expires_ns - node_now(node);
        t->entry.version = 0;
        world_send(world, &m);
    } else if (asked->op == OP_DELETE) {
        t->entry.version = 0;
        answer(node, asked, OUTCOME_DONE, truth_version(world, asked->key, 0), 0);
    } else {
        int64_t life_ns = sim_between(&world->sim, COPY_LEASE_NS / 4, 8 * COPY_LEASE_NS);

        t->entry.version = truth_version(world, asked->key, world->sim.now_ns + life_ns * 1000 / node->rate);
        t->entry.expires_ns = node_now(node) + life_ns;
        answer(node, asked, OUTCOME_DONE, t->entry.version, 0);
    }
}

static bool may_change(const struct node *node, const struct message *asked) {
    const struct tenure *t = &node->keys[asked->key];

    if (asked->kind != MESSAGE_GIVE_UP) {
        return may_act(node, asked);
    }
    return asked->view.digest == node->view.digest && !t->owns && t->lost_settled &&
           t->lost_digest == node->view.digest && node->view.purges >= asked->view.purges;
}

static void end_change(struct node *node, struct change *change) {
    struct change **place = &node->changes;

    hot_write_end(node->ledger, &change->writer);
    while (*place != change) {
        place = &(*place)->next;
    }
    *place = change->next;
    free(change);
}

static void attempt(struct node *node, struct change *change) {
    struct hot_revocation list[HOT_HOLDERS_MAX];
    size_t key = change->asked.key;
    int64_t now_ns = node_now(node);
    size_t count;

    if (!may_change(node, &change->asked)) {
        if (change->asked.kind != MESSAGE_GIVE_UP) {
            answer(node, &change->asked, OUTCOME_FAILED, 0, 0);
        }
        end_change(node, change);
        return;
    }
    if (hot_write_begin(node->ledger, &change->writer, key_name(key), key_hash(key), now_ns, list, &count) == HOT_GO) {
        apply(node, &change->asked);
        end_change(node, change);
        return;
    }
    ENSURE(change->writer.until_ns > now_ns && change->writer.until_ns <= now_ns + COPY_LEASE_NS + COPY_LEASE_NS / 6,
           "a change is to wait for %lld ns", (long long)(change->writer.until_ns - now_ns));
    ENSURE(++change->tries < 4, "a change of key %zu waits again and again", key);
    node_after(node, change->writer.until_ns - now_ns, try_again, change->id);
    send_revocations(node, key, list, count);
}

static void try_again(struct node *node, uint64_t id) {
    for (struct change *change = node->changes; change != NULL; change = change->next) {
        if (change->id == id) {
            attempt(node, change);
            return;
        }
    }
}

static void begin_change(struct node *node, const struct message *asked) {
    struct change *change = sim_new(sizeof(*change));

    change->asked = *asked;
    change->id = ++node->world->ids;
    change->next = node->changes;
    node->changes = change;
    attempt(node, change);
}

void owner_revoked(struct node *node, const struct message *m) {
    struct hot_writer *ready =
        hot_answered(node->ledger, key_name(m->key), key_hash(m->key), m->from_member, m->id, node_now(node));

    for (; ready != NULL; ready = ready->ready) {
        node_after(node, sim_between(&node->world->sim, 0, SIM_MS), try_again, ((struct change *)ready)->id);
    }
}

/* The ledger is not told. */
void owner_evict(struct node *node, size_t key) {
    if (node->keys[key].owns && node->keys[key].settled) {
        node->keys[key].entry.version = 0;
    }
}

/* --- keys that come and go --- */

/* Does what can be done to be able to act on the key. */
void owner_settle(struct node *node, size_t key) {
    struct tenure *t = &node->keys[key];

    if (!t->owns || t->settled) {
        return;
    }
    if (node_now(node) >= t->learned_ns + LEASE_NS) {
        t->settled = true;
        seeds_trace(&node->world->sim, "node %d settles key %zu by time", node->index, key);
        return;
    }
    if (t->former != NOBODY) {
        struct message m = node_message(node, MESSAGE_GIVE_UP, t->former);

        m.key = key;
        m.sent_ns = node_now(node);
        world_send(node->world, &m);
    }
}

void owner_give_up(struct node *node, const struct message *asked) {
    if (may_change(node, asked)) {
        begin_change(node, asked);
    }
}

void owner_given(struct node *node, const struct message *m) {
    struct tenure *t = &node->keys[m->key];

    if (t->owns && !t->settled && t->former == m->from && m->view.serial == node->view.serial &&
        m->to_member == node->incarnation) {
        t->settled = true;
        seeds_trace(&node->world->sim, "node %d is given key %zu, version %llu", node->index, m->key,
                    (unsigned long long)m->version);
        t->entry.version = m->left_ns <= 0 ? 0 : m->version;
        t->entry.expires_ns = m->sent_ns + m->left_ns - m->left_ns / KEEPER_MARGIN;
    }
}

void owner_serve(struct node *node, const struct message *asked) {
    if (!may_act(node, asked)) {
        answer(node, asked, OUTCOME_FAILED, 0, 0);
        owner_settle(node, asked->key);
    } else if (asked->op == OP_READ) {
        serve_read(node, asked);
    } else {
        begin_change(node, asked);
    }
}

void owner_clear(struct node *node) {
    while (node->changes != NULL) {
        end_change(node, node->changes);
    }
}
