/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLUSTER_POOL_INTERNAL_H
#define LARDER_CLUSTER_POOL_INTERNAL_H

#include "cluster/machine_call.h"
#include "cluster/pool_member.h"

/* Between the files of a node's part in a pool. All of it belongs to the control thread, but for what machine_call.h says and
 * `woken`. */

enum pool_call { POOL_CALL_LIST, POOL_CALL_GRANT, POOL_CALL_RENEW, POOL_CALL_PUT, POOL_CALL_REVOKE, POOL_CALL_COUNT };

struct pool_member {
    struct pool_member_config config;
    char *bytes; /* all the keys and texts */
    struct store_span span;
    struct slice own_key;
    struct machine_call calls[POOL_CALL_COUNT];
    bool stopped;

    /* The pool. */
    struct groupcache_pool *pool; /* NULL: it was never read */
    bool listed;                  /* it has all changes up to its revision, and the watcher brings the others */
    struct store_watcher *watcher;
    atomic_bool woken;

    /* The key. */
    int64_t lease;        /* 0: none */
    int64_t put_revision; /* of our key; 0: it does not stand there */
    bool leaving;
    bool left;
    int64_t leave_until_ns;
};

void pool_call_start(struct pool_member *m, enum pool_call kind, struct store_op op, int64_t now_ns);

/* After a failure, which the log has been told: it is tried again in a while. */
void pool_call_again(struct pool_member *m, enum pool_call kind, int64_t now_ns);

/* --- pool_record.c --- */

/* Writes, renews or takes out the key, whatever is due. */
void pool_record_run(struct pool_member *m, int64_t now_ns);

typedef void pool_answer_fn(struct pool_member *m, struct store_call *call, int64_t now_ns);

pool_answer_fn pool_grant_answered;
pool_answer_fn pool_renew_answered;
pool_answer_fn pool_put_answered;
pool_answer_fn pool_revoke_answered;

/* The pool is another one, or of a later revision. */
void pool_record_look(struct pool_member *m, int64_t now_ns);

/* When something is to be done about the key although nobody calls. */
int64_t pool_record_due(const struct pool_member *m);

#endif
