/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_KV_H
#define LARDER_STORE_ETCD_KV_H

#include "store/etcd/client.h"

/* The operations of store.h, asked of a cluster. */

/* Hands a call in, as store_submit does, on the client's thread; call->done comes later, there. The call's deadline is by
 * io->now_ns. How a lost answer is taken (see enum etcd_repeat):
 *  - reads (a TXN that changes nothing is one), COMPACT, LEASE_KEEP_ALIVE, LEASE_REVOKE are sent again; that a compaction is
 *    done already, or a lease gone, is what was wanted then;
 *  - LEASE_GRANT: the client chooses a number where the call has none, so a repeat that finds the lease there is OK, with
 *    the time to live that was asked for. Of a number that the call chose it is UNKNOWN: somebody else's may have been there;
 *  - a guarded TXN (etcd_kv_is_guarded) is sent again: if its compares hold it has not been done before. If they do not hold
 *    after an attempt in doubt, it ends with UNKNOWN, because the attempt itself may be why;
 *  - everything else ends with UNKNOWN unless call->retry_unknown. Then all is sent again, and what the last answer says
 *    holds: call->repeated may be true, a delete may have found nothing, or the compares of a TXN not hold, because it had
 *    been done.
 * A write (all but reads and LEASE_KEEP_ALIVE) that was in doubt and then was refused, whose time ran out, or whose
 * answer cannot be read, is UNKNOWN.
 * A KEEP_ALIVE of a lease that is gone ends with LEASE_NOT_FOUND. Where call->arena is too small for the answer, and out of
 * memory, it ends with NO_MEMORY. NOTE, DEFRAGMENT and NONE end with UNSUPPORTED. These two, where nothing can be asked:
 * done comes from inside. call->arena is emptied before it takes the answer. */
void etcd_kv_submit(struct etcd_client *client, struct store_call *call);

/* The same of one member and no other, a serializable read for instance. */
void etcd_kv_submit_to(struct etcd_client *client, int member, struct store_call *call);

/* Whether the transaction, once done, can never be done again: its branch `success` puts or deletes a key whose mod_revision
 * it compares to be equal to a number above 0, or deletes one whose create_revision it compares so; and its other branch
 * changes nothing. Not so where it compares a version, or that a key is absent: after others have deleted the key or put it
 * again, such a compare holds once more. */
bool etcd_kv_is_guarded(const struct store_txn *txn);

/* The request of an operation, in `arena`. NULL: no room, or an operation that etcd's API does not have. *ret_method is
 * its method. It borrows the operation's slices. */
ProtobufCMessage *etcd_kv_request(const struct store_op *op, struct arena *arena, enum etcd_method_id *ret_method);

/* The answer to `op`, out of `response`, into `result` and *ret_revision; it borrows `response` and takes memory from
 * `arena`. False, and why in *ret_status: the response does not fit the operation (PROTOCOL), no memory, or
 * the lease of a KEEP_ALIVE is gone (LEASE_NOT_FOUND; *ret_revision is set). */
bool etcd_kv_result(const struct store_op *op, const ProtobufCMessage *response, struct arena *arena,
                    struct store_result *result, int64_t *ret_revision, enum store_status *ret_status);

#endif
