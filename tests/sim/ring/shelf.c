/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

/* The table: what is done under the lock of a key's shard is one step. */

/* An entry that does not count is taken out by who meets it. */
static bool look(struct node *node, const struct keeper_view *view, size_t key, uint32_t slot) {
    struct shelf_entry *e = &node->shelf[key];

    e->is_there = e->is_there && keeper_counts(view, slot, layout_group(key), e->era);
    return e->is_there;
}

static void put(struct node *node, const struct keeper_view *view, size_t key, uint64_t value) {
    node->shelf[key] = (struct shelf_entry){.is_there = true, .value = value, .era = view->era};
}

static struct answer give_up(struct shelf_entry *e) {
    struct answer answer = {.outcome = e->is_there ? OUTCOME_HIT : OUTCOME_MISS, .value = e->value};

    e->is_there = false;
    return answer;
}

static struct answer change(struct node *node, const struct job *job, struct shelf_entry *e) {
    const struct keeper_view *view = job->errand.view;
    const struct op *op = &job->op;
    bool was_there = e->is_there;

    switch (op->kind) {
    case OP_ADD:
        if (was_there) {
            return (struct answer){.outcome = OUTCOME_NO};
        }
        put(node, view, op->key, op->value);
        return (struct answer){.outcome = OUTCOME_YES};
    case OP_SET:
        put(node, view, op->key, op->value);
        return (struct answer){.outcome = OUTCOME_YES};
    case OP_DELETE:
        e->is_there = false;
        return (struct answer){.outcome = was_there ? OUTCOME_YES : OUTCOME_ABSENT};
    default:
        break;
    }
    if (!was_there) {
        return (struct answer){.outcome = op->kind == OP_GET ? OUTCOME_MISS : OUTCOME_ABSENT};
    }
    if (op->kind == OP_GET) {
        return (struct answer){.outcome = OUTCOME_HIT, .value = e->value};
    }
    if (op->kind == OP_CAS && e->value != op->compare) {
        return (struct answer){.outcome = OUTCOME_NO};
    }
    if (op->kind == OP_CAS || op->kind == OP_INCR) {
        put(node, view, op->key, op->kind == OP_CAS ? op->value : e->value + 1);
    }
    return (struct answer){.outcome = OUTCOME_YES, .value = e->value};
}

enum errand_ran shelf_run(struct node *node, struct job *job) {
    const struct errand *errand = &job->errand;
    struct shelf_entry *e = &node->shelf[job->op.key];

    if (!keeper_is_newest(node->keeper, errand->view)) {
        return ERRAND_RAN_MOVED;
    }
    if (!look(node, errand->view, job->op.key, errand->slot) && errand->inherits) {
        return ERRAND_RAN_ABSENT;
    }
    job->answer = errand->from_peer && errand->stamp.give_up ? give_up(e) : change(node, job, e);
    return ERRAND_RAN_DONE;
}

void shelf_take(struct node *node, const struct flight *flight, uint64_t value) {
    if (!flight->discards && keeper_takes(node->keeper, flight->view, flight->member) &&
        !look(node, flight->view, flight->key, flight->slot)) {
        put(node, flight->view, flight->key, value);
    }
}

void shelf_clear(struct node *node) {
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        node->shelf[key].is_there = false;
    }
}

void shelf_sweep(struct node *node) {
    struct keeper_view *view = NULL;

    keeper_renew(node->keeper, &view);
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        struct shelf_entry *e = &node->shelf[key];

        e->is_there = e->is_there && keeper_keeps(view, ring_slot(layout_key(key)), layout_group(key), &e->era);
    }
    keeper_swept(node->keeper, view->serial);
    keeper_view_unref(view);
}
