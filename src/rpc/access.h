/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_ACCESS_H
#define LARDER_RPC_ACCESS_H

#include "rpc/rpc.h"

/* Whether a call may do what it asks, with etcd's rules (auth/auth.h). While authentication is disabled, everybody may do
 * everything. What has no key, and is so refused by the store, is not refused here. */

/* Whether authentication is disabled. */
bool rpc_access_is_open(const struct rpc_call *call);

/* To read [key, range_end), as a request has it. ETCD_OK, or why not. */
enum etcd_error rpc_check_range(const struct rpc_call *call, struct slice key, struct slice range_end);

/* These finish a call that may not, and are false then. */

bool rpc_may_range(struct rpc_call *call, struct slice key, struct slice range_end);

/* But for the keys of its lease, which must be looked for (rpc_may_write_keys). */
bool rpc_may_put(struct rpc_call *call, const Etcdserverpb__PutRequest *r);
bool rpc_may_delete(struct rpc_call *call, const Etcdserverpb__DeleteRangeRequest *r);
bool rpc_may_txn(struct rpc_call *call, const Etcdserverpb__TxnRequest *r);
bool rpc_may_write_keys(struct rpc_call *call, const struct slice *keys, size_t count);
bool rpc_may_read_keys(struct rpc_call *call, const struct slice *keys, size_t count);

/* What anybody may whose token is good. */
bool rpc_may_ask(struct rpc_call *call);

/* What root alone may. */
bool rpc_must_be_root(struct rpc_call *call);

/* To look at a user or at a role: root, or whoever is it or has it. */
bool rpc_may_see_user(struct rpc_call *call, struct slice name);
bool rpc_may_see_role(struct rpc_call *call, struct slice name);

#endif
