/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* A client's request on the node that it came to: from the shelf, or by the owner. */

/* A value is its version. */
struct value {
    struct blob blob;
    uint64_t version;
};

static void release(struct blob *blob) {
    free(blob);
}

static struct op *find(struct node *node, uint64_t id) {
    struct op *op = node->ops;

    while (op != NULL && op->id != id) {
        op = op->next;
    }
    return op;
}

static void end(struct node *node, struct op *op, enum outcome outcome, uint64_t version) {
    struct op **place = &node->ops;

    while (*place != op) {
        place = &(*place)->next;
    }
    *place = op->next;
    truth_answer(node->world, op, outcome, version);
    free(op);
}

static bool serve_copy(struct node *node, struct op *op) {
    struct blob *blob;

    if (op->kind != OP_READ || node_owns(node, op->key)) {
        return false;
    }
    blob = hot_find(node->shelf, key_name(op->key), key_hash(op->key), node->view.serial, node->authority_ns,
                    node_now(node));
    if (blob == NULL) {
        return false;
    }
    end(node, op, OUTCOME_HIT, ((struct value *)blob)->version);
    return true;
}

static void attempt(struct node *node, uint64_t id) {
    struct op *op = find(node, id);
    struct message m;
    int owner;

    if (op == NULL || op->sending != 0 || serve_copy(node, op)) {
        return;
    }
    owner = view_owner(&node->view, op->key);
    if (owner == NOBODY || (owner == node->index && (!node_has_authority(node) || !node->keys[op->key].settled))) {
        owner_settle(node, op->key);
        node_after(node, RETRY_NS, attempt, id);
        return;
    }
    op->sending = ++node->world->ids;
    op->sent_ns = node_now(node);
    op->serial = node->view.serial;
    op->owner = node->view.members[owner];
    m = node_message(node, MESSAGE_ASK, owner);
    m.key = op->key;
    m.op = op->kind;
    m.id = op->sending;
    if (owner == node->index) {
        owner_serve(node, &m);
    } else {
        world_send(node->world, &m);
    }
}

/* Who gets no answer may take the link for lost. */
static void give_up(struct node *node, uint64_t id) {
    struct op *op = find(node, id);

    if (op != NULL) {
        if (op->sending != 0 && sim_chance(&node->world->sim, 50)) {
            hot_drop(node->shelf, op->owner, node_now(node));
        }
        end(node, op, OUTCOME_FAILED, 0);
    }
}

void client_begin(struct node *node, enum op_kind kind, size_t key) {
    struct op *op = sim_new(sizeof(*op));

    *op = (struct op){
        .next = node->ops,
        .id = ++node->world->ids,
        .kind = kind,
        .key = key,
        .floor = node->world->floor[key],
        .began_ns = node->world->sim.now_ns,
    };
    node->ops = op;
    node->world->begun++;
    node_after(node, DEADLINE_NS, give_up, op->id);
    attempt(node, op->id);
}

static void keep(struct node *node, const struct op *op, const struct message *m) {
    struct value *value = sim_new(sizeof(*value));
    struct hot_copy copy = {
        .key = key_name(op->key),
        .hash = key_hash(op->key),
        .owner = op->owner,
        .sent_ns = op->sent_ns,
        .lease_ns = m->lease_ns,
        .serial = op->serial,
        .value = &value->blob,
        .bytes = sizeof(*value),
    };

    blob_init(&value->blob, release);
    value->version = m->version;
    (void)hot_put(node->shelf, &copy, node->view.serial, node_now(node));
    blob_unref(&value->blob);
}

void client_answered(struct node *node, const struct message *m) {
    struct op *op = node->ops;

    while (op != NULL && op->sending != m->id) {
        op = op->next;
    }
    if (op == NULL || m->from_member != op->owner) {
        return;
    }
    if (m->outcome == OUTCOME_FAILED) {
        op->sending = 0; /* nothing was done */
        node_after(node, RETRY_NS, attempt, op->id);
        return;
    }
    if (m->lease_ns > 0) {
        keep(node, op, m);
    }
    end(node, op, m->outcome, m->version);
}

void client_clear(struct node *node) {
    while (node->ops != NULL) {
        end(node, node->ops, OUTCOME_FAILED, 0);
    }
}
