/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_SENIORS_H
#define LARDER_RPC_SENIORS_H

#include "rpc/task.h"

/* The line in front of a lock or an office, as etcd's Lock and Election services and its client library have it: whoever
 * wants it puts a key NAME/LEASE, in hexadecimal, on a lease, and has it when no key under NAME/ is older. So the locks of
 * this node and those of a client with etcd's recipes respect each other. */

struct seniors;

typedef enum pending_next seniors_step(struct rpc_task *task);

/* Of one call; lives in the task's arena, as the task's state. */
struct seniors {
    struct rpc_task *task;
    seniors_step *next;            /* after what is being done */
    seniors_step *wait_next;       /* when nobody is older */
    struct store_watcher *watcher; /* of what is waited for; NULL: nothing */
    atomic_bool posted;            /* the task is in the queue */
    bool waiting;                  /* the task waits for nothing but the watcher */
    struct slice prefix;           /* "NAME/" */
    struct slice prefix_end;
    struct slice key;     /* ours */
    struct slice value;   /* of it */
    int64_t lease;        /* on which it hangs */
    int64_t revision;     /* at which it came to be */
    int64_t put_revision; /* of the store when it was put, or found */
    bool found;           /* it was there before, with another value perhaps */
};

enum { SENIORS_LEASE_TTL_S = 60 /* of a lease for whoever brings none; etcd's client's */ };

/* NULL: no memory. */
struct seniors *seniors_new(struct rpc_task *task, struct slice name);

/* Puts the key, on a lease of its own if `lease` is 0, unless it is there. An error of the store, or of auth, ends the
 * call. */
enum pending_next seniors_join(struct seniors *s, int64_t lease, struct slice value, seniors_step *next);

/* Waits until no key is older. If the call is closed meanwhile, the key is deleted. */
enum pending_next seniors_wait(struct seniors *s, seniors_step *next);

/* Waits for the next change under the prefix behind `revision`, or of one key. */
enum pending_next seniors_watch(struct seniors *s, const struct store_span *span, int64_t revision, bool no_put,
                                seniors_step *next);

/* The oldest key under the prefix, in a RANGE. */
struct store_op seniors_oldest(const struct seniors *s);

#endif
