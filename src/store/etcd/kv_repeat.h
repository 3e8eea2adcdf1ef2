/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_KV_REPEAT_H
#define LARDER_STORE_ETCD_KV_REPEAT_H

#include "store/etcd/client.h"

/* What becomes of an operation whose answer was lost. */

/* It may leave something behind: an answer that is not to be had means UNKNOWN. To renew a lease is none. */
bool etcd_kv_is_write(const struct store_op *op);

/* Whether it may be sent again after an attempt in doubt. */
enum etcd_repeat etcd_kv_repeat(const struct store_call *call);

/* How a request that ended with `ask` ends the call, after its answer (if any) was read into call->result and call->status:
 * sets status and repeated, and the result of a repeat that found its work done. `drawn`: the number of the lease was our
 * choice. */
void etcd_kv_settle(struct store_call *call, const struct etcd_ask *ask, const struct store_op *asked, bool drawn,
                    int64_t revision);

#endif
