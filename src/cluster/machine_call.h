/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLUSTER_MACHINE_CALL_H
#define LARDER_CLUSTER_MACHINE_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* A call to the store by a machine of the control thread. The store answers on a thread of its own, which notes it and wakes the
 * machine; the machine takes the answer when it runs. One is under way at a time, and it is made again when it is due. All but
 * what the store's thread does belongs to the control thread. */

enum {
    MACHINE_CALL_OPS_MAX = 4,
    MACHINE_CALL_RETRY_MS = 50, /* after one that failed */
};

struct machine_call {
    struct store_call call;  /* first */
    void (*wake)(void *ctx); /* any thread */
    void *ctx;
    atomic_bool answered;
    bool under_way;
    int64_t sent_ns;
    int64_t due_ns;                            /* not before */
    struct store_op ops[MACHINE_CALL_OPS_MAX]; /* room for those of a transaction */
    struct store_compare compare;              /* likewise */
};

/* Due at once. */
void machine_call_init(struct machine_call *own, void (*wake)(void *ctx), void *ctx);
void machine_call_fini(struct machine_call *own); /* not while it is under way in a store that is open */

/* At rest and due? */
static inline bool machine_call_can(const struct machine_call *own, int64_t now_ns) {
    return !own->under_way && now_ns >= own->due_ns;
}

/* Hands it in. What it does is the same when it is done twice. */
void machine_call_start(struct machine_call *own, struct store *store, struct store_op op, int64_t deadline_ns,
                        int64_t now_ns);

/* Whether it has been answered since; then own->call has the answer, and it is at rest. */
bool machine_call_take(struct machine_call *own);

/* After a failure: it is due in a while. */
void machine_call_again(struct machine_call *own, int64_t now_ns);

#endif
