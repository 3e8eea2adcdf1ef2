/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/near_internal.h"

/* Calls, on their way to the machines: at once if they can be answered from memory, else all that have come together with one
 * errand of the engine. */

static void refuse(struct store_call *call) {
    call->status = STORE_CLOSED;
    call->revision = 0;
    call->result = (struct store_result){.kind = call->op.kind};
    call->done(call);
}

/* Whoever finds none there posts the errand; it is not posted again before it was taken, because that comes first. */
static void push(struct near_store *n, struct store_call *call) {
    struct store_call *head = atomic_load_explicit(&n->newest, memory_order_relaxed);

    do {
        call->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&n->newest, &head, call, memory_order_acq_rel, memory_order_relaxed));
    if (head == NULL) {
        etcd_store_post(n->cluster, &n->taking);
    }
}

static bool try_here(const struct near_store *n, struct store_call *call) {
    const struct near_set *set = call->op.kind == STORE_OP_RANGE ? near_set_now(n) : NULL;
    struct near_part *part = set != NULL ? near_find_op(set, &call->op) : NULL;

    return part != NULL && coherence_try(part->machine, call);
}

bool near_try(struct store *near, struct store_call *call) {
    const struct near_store *n = near_of(near);

    return !atomic_load_explicit(&n->closing, memory_order_relaxed) && try_here(n, call);
}

void near_submit(struct store *store, struct store_call *call) {
    struct near_store *n = near_of(store);

    if (atomic_load_explicit(&n->closing, memory_order_relaxed)) {
        refuse(call);
    } else if (try_here(n, call)) {
        call->done(call);
    } else {
        near_start(n);
        push(n, call);
    }
}

/* On the engine's thread. */
static void take(struct near_store *n, struct store_call *call) {
    struct near_set *set = near_set_now(n);
    struct near_part *part = set != NULL ? near_find_op(set, &call->op) : NULL;

    if (set == NULL) {
        etcd_store_submit_here(n->cluster, call);
    } else if (call->op.kind == STORE_OP_AUDIT) {
        near_audit(set, call);
    } else if (part != NULL && call->op.kind != STORE_OP_COMPACT) {
        part->touched = true;
        coherence_submit(part->machine, call);
    } else {
        near_cross_submit(n, set, call);
    }
}

void near_run_taking(struct store *store, struct etcd_errand *errand) {
    struct near_store *n = (struct near_store *)(void *)((char *)errand - offsetof(struct near_store, taking));
    struct store_call *list = atomic_exchange_explicit(&n->newest, NULL, memory_order_acq_rel);
    struct store_call *first = NULL;

    (void)store;
    while (list != NULL) {
        struct store_call *next = list->next;

        list->next = first;
        first = list;
        list = next;
    }
    near_enter(n);
    while (first != NULL) {
        struct store_call *next = first->next;

        take(n, first);
        first = next;
    }
    near_leave(n);
}
