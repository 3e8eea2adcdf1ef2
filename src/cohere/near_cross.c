/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "cohere/near_internal.h"

/* Where the groups are watched one by one, what no single part has is the cluster's business. But who has written keys of
 * several parts, or by a lease, shall find that in what is read from memory here: so it is answered when all parts that it may
 * have changed are that far, or after a while (as rule 6 says of other writes; a part that nothing was changed in may never be).
 * A read is answered at once. A part that is not as far as the answer does not use memory for its keys until it is. A
 * compaction goes this way too, so that it is remembered here. */

enum { WAIT_MS = 100 };

struct near_cross {
    struct near_cross *next;
    struct near_store *near;
    const struct near_set *set;
    struct store_call *outer; /* the caller's */
    struct store_call inner;  /* the same, asked of the cluster */
    bool answered;
    int64_t due_ns;
};

void near_show(struct near_store *n, const struct store_call *call) {
    const struct near_set *set = near_set_now(n);

    for (size_t i = 0; set != NULL && i < set->count; i++) {
        struct near_part *part = set->parts[i];

        if (near_meets(part, &call->op)) {
            part->touched = true;
            coherence_show(part->machine, call);
        }
    }
}

static void finish(struct near_cross *cross) {
    struct store_call *outer = cross->outer;
    const struct store_call *inner = &cross->inner;

    arena_fini(&outer->arena);
    outer->arena = inner->arena;
    outer->status = inner->status;
    outer->revision = inner->revision;
    outer->result = inner->result;
    outer->repeated = inner->repeated;
    outer->etcd_error = inner->etcd_error;
    near_show(cross->near, outer);
    free(cross);
    outer->done(outer);
}

static bool is_known(const struct near_cross *cross) {
    const struct near_set *set = cross->set;

    for (size_t i = 0; i < set->count; i++) {
        const struct near_part *part = set->parts[i];

        if (near_touches(part, &cross->outer->op) && coherence_applied(part->machine) < cross->inner.revision) {
            return false;
        }
    }
    return true;
}

/* One that was refused has changed nothing. */
static bool is_done(const struct near_cross *cross, int64_t now_ns) {
    return cross->answered && (cross->inner.status != STORE_OK || cross->inner.op.kind == STORE_OP_RANGE ||
                               cross->due_ns <= now_ns || is_known(cross));
}

void near_cross_run(struct near_store *n, int64_t now_ns) {
    struct near_cross **place = &n->crossing;

    while (*place != NULL) {
        struct near_cross *cross = *place;

        if (is_done(cross, now_ns)) {
            *place = cross->next;
            finish(cross);
        } else {
            place = &cross->next;
        }
    }
}

int64_t near_cross_due(const struct near_store *n) {
    int64_t due_ns = INT64_MAX;

    for (const struct near_cross *cross = n->crossing; cross != NULL; cross = cross->next) {
        if (cross->answered && cross->due_ns < due_ns) {
            due_ns = cross->due_ns;
        }
    }
    return due_ns;
}

/* Watches that begin below it are the cluster's business: it says that they cannot. */
static void note_compaction(struct near_store *n, int64_t revision) {
    if (revision > atomic_load_explicit(&n->compacted, memory_order_relaxed)) {
        atomic_store_explicit(&n->compacted, revision, memory_order_relaxed);
    }
}

static void on_done(struct store_call *inner) {
    struct near_cross *cross = (struct near_cross *)(void *)((char *)inner - offsetof(struct near_cross, inner));
    bool over = inner->status != STORE_OK;

    if (!over && inner->op.kind == STORE_OP_COMPACT) {
        note_compaction(cross->near, inner->op.compact_revision);
    }
    cross->answered = true;
    cross->due_ns = over ? 0 : clock_monotonic_ns() + WAIT_MS * CLOCK_NS_PER_MS;
    near_enter(cross->near);
    near_leave(cross->near);
}

static bool meets_any(const struct near_set *set, const struct store_op *op) {
    size_t i = 0;

    while (i < set->count && !near_meets(set->parts[i], op)) {
        i++;
    }
    return i < set->count;
}

void near_cross_submit(struct near_store *n, struct near_set *set, struct store_call *call) {
    bool followed = call->op.kind == STORE_OP_COMPACT || meets_any(set, &call->op);
    struct near_cross *cross = followed ? calloc(1, sizeof(*cross)) : NULL;

    if (cross == NULL) {
        /* Nothing to wait for, or no memory to do so. */
        etcd_store_submit_here(n->cluster, call);
        return;
    }
    cross->near = n;
    cross->set = set;
    cross->outer = call;
    store_call_init(&cross->inner, on_done);
    cross->inner.op = call->op;
    cross->inner.deadline_ns = call->deadline_ns;
    cross->inner.retry_unknown = call->retry_unknown;
    cross->inner.token = call->token;
    cross->inner.as_caller = call->as_caller;
    cross->next = n->crossing;
    n->crossing = cross;
    etcd_store_submit_here(n->cluster, &cross->inner);
}

void near_cross_end(struct near_store *n) {
    while (n->crossing != NULL) {
        struct near_cross *cross = n->crossing;

        n->crossing = cross->next;
        finish(cross);
    }
}
