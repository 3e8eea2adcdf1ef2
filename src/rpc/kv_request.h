/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_KV_REQUEST_H
#define LARDER_RPC_KV_REQUEST_H

#include "proto/etcd/rpc.pb-c.h"
#include "store/store.h"

/* Requests of etcd's KV service as operations of the store. Slices point into the request. */

void kv_range_op(const Etcdserverpb__RangeRequest *r, struct store_op *ret_op);
void kv_put_op(const Etcdserverpb__PutRequest *r, struct store_op *ret_op);
void kv_delete_op(const Etcdserverpb__DeleteRangeRequest *r, struct store_op *ret_op);

/* Its arrays live in the arena. False: no memory. */
bool kv_txn_op(const Etcdserverpb__TxnRequest *r, struct arena *arena, struct store_op *ret_op);

#endif
