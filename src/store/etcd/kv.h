/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_KV_H
#define LARDER_STORE_ETCD_KV_H

#include "store/etcd/client.h"

/* The operations of store.h, asked of a cluster. */

/* Hands a call in, as store_submit does, on the client's thread; call->done comes later, there. The call's deadline is by
 * io->now_ns. How a lost answer is taken (see enum etcd_repeat):
 *  - reads, COMPACT, LEASE_KEEP_ALIVE, LEASE_REVOKE are sent again; that a compaction is done already, or a lease gone, is
 *    what was wanted then;
 *  - LEASE_GRANT: the client chooses a number where the call has none, so a repeat that finds the lease there is OK;
 *  - a guarded TXN (etcd_kv_is_guarded) is sent again: if its compares hold it has not been done before. If they do not hold
 *    after an attempt in doubt, it ends with UNKNOWN, because the attempt itself may be why;
 *  - everything else ends with UNKNOWN unless call->retry_unknown. Then call->repeated may be true, and a delete may have
 *    found nothing because it had been done.
 * NOTE and DEFRAGMENT end with UNSUPPORTED. Out of memory: done comes with NO_MEMORY. */
void etcd_kv_submit(struct etcd_client *client, struct store_call *call);

/* The same of one member and no other, a serializable read for instance. */
void etcd_kv_submit_to(struct etcd_client *client, int member, struct store_call *call);

/* Whether to do the transaction twice is to do it once: it compares that a key's version, create_revision or mod_revision is
 * equal to a number, its branch `success` changes that very key, and its other branch changes nothing. */
bool etcd_kv_is_guarded(const struct store_txn *txn);

/* The request of an operation, in `arena`. NULL: no room, or an operation that etcd's API does not have. *ret_method is
 * its method. It borrows the operation's slices. */
ProtobufCMessage *etcd_kv_request(const struct store_op *op, struct arena *arena, enum etcd_method_id *ret_method);

/* The answer to `op`, out of `response`, into `result` and *ret_revision; it borrows `response` and takes memory from
 * `arena`. False: the response does not fit the operation (PROTOCOL), or no memory (*ret_status). */
bool etcd_kv_result(const struct store_op *op, const ProtobufCMessage *response, struct arena *arena,
                    struct store_result *result, int64_t *ret_revision, enum store_status *ret_status);

#endif
