/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_PERMIT_H
#define LARDER_RPC_PERMIT_H

#include "rpc/task.h"

/* In front of an etcd cluster: who may read what this node would answer from memory, or watch for in its own name. The cluster
 * alone knows, so it is asked, in the caller's name, with a linearizable range of one key at most over the very span.
 *
 * The answer is as fresh as the data it is for: for a linearizable read, and for a watch that begins, the question goes out
 * after the request has come; for one that may be old, an answer will do that is no older than RPC_PERMIT_AGE_NS. While a
 * question of the same caller is under way, the next ones wait, and are then asked together: one transaction for all of a
 * caller's requests.
 *
 * Where authentication is disabled nothing of that is done: that it is so is proven by each linearizable read of the cluster
 * that goes out without a token (struct etcd_facts), and what it costs is a load. */

#define RPC_PERMIT_AGE_NS (5 * CLOCK_NS_PER_S)

/* Callers of one worker who may have a question under way; those of one more are answered with TOO_MANY_REQUESTS. */
enum { RPC_PERMIT_CALLERS_MAX = 1024 };

struct permit_book;

/* Whether the answer of the store may be one that was given in the node's own name. */
static inline bool rpc_is_guarded(const struct rpc_node *node) {
    return node->cluster != NULL && node->store != node->cluster;
}

/* Whether authentication is known to have been disabled at `since_ns` or later. */
bool rpc_permit_is_open(const struct rpc_node *node, int64_t since_ns);

/* One request's question; lives in the task's arena. */
struct permit_ask {
    struct rpc_task *task;
    struct store_span span;
    enum etcd_error error; /* the verdict; ETCD_OK: permitted */
    struct permit_ask *next;
};

/* From inside a step: asks whether the caller of the task may read the span, and then comes `next`. Unless that is known as of
 * `since_ns` (of the monotonic clock; INT64_MAX: ask in any case), it is asked anew. What is known, or cannot be asked (no memory,
 * too many callers), is told at once: `next` is called from inside. The slices stay where they are. */
enum pending_next rpc_permit_ask(struct rpc_task *task, struct permit_ask *ask, const struct store_span *span,
                                 int64_t since_ns, enum pending_next (*next)(struct rpc_task *task));

/* The queue of late answers has run for the last time. NULL is allowed. */
void rpc_permit_free(struct permit_book *book);

#endif
