/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_KV_RESPONSE_H
#define LARDER_RPC_KV_RESPONSE_H

#include "proto/etcd/rpc.pb-c.h"
#include "store/store.h"

/* Answers of the store as messages of etcd's KV service: they borrow keys and values of the answer, and what else they need
 * is in the arena. False: no memory. A header is the caller's to put there. */

bool kv_range_response(const struct store_result *result, struct arena *arena, Etcdserverpb__RangeResponse *ret);
bool kv_put_response(const struct store_result *result, struct arena *arena, Etcdserverpb__PutResponse *ret);
bool kv_delete_response(const struct store_result *result, struct arena *arena, Etcdserverpb__DeleteRangeResponse *ret);

/* The operations within it have headers of their own, which say which revision they saw or made, and nothing else. `revision`
 * is the store's after the transaction. */
bool kv_txn_response(const struct store_result *result, int64_t revision, struct arena *arena,
                     Etcdserverpb__TxnResponse *ret);

void kv_message(const struct kv *kv, Mvccpb__KeyValue *ret);

#endif
