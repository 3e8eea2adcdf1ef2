/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_TRANSFER_H
#define LARDER_STORE_ETCD_TRANSFER_H

#include "store/etcd/etcd.h"

/* A request with many answers (see flow.h), from the engine's thread to another one, which takes them at its own pace. What waits
 * here is bounded: at ETCD_TRANSFER_HIGH bytes the member is told to wait, and may then still send what it has leave for. */
struct etcd_transfer;

enum { ETCD_TRANSFER_HIGH = 1 << 20, ETCD_TRANSFER_LOW = 256 << 10 /* from where on it goes on */ };

/* How it ended. */
struct etcd_transfer_end {
    enum store_status status; /* OK: the cluster has ended it, with the next two; else why nobody was asked */
    enum grpc_status grpc;
    struct slice text; /* until etcd_transfer_close */
};

/* `s` is a store of this engine; it outlives the transfer. `request` and `token` may go after this. `wake` is called, on the
 * engine's thread, when there is something new; it must be quick and call nothing of this. NULL: out of memory. */
struct etcd_transfer *etcd_transfer_open(struct store *s, const struct etcd_method *method,
                                         const ProtobufCMessage *request, struct slice token, int64_t timeout_ns,
                                         void (*wake)(void *ctx), void *ctx);

/* The next answer, valid until the next call. False: there is none now. One thread. */
bool etcd_transfer_next(struct etcd_transfer *t, struct slice *ret_message);

/* Whether it has ended and nothing waits any more. */
bool etcd_transfer_ended(struct etcd_transfer *t, struct etcd_transfer_end *ret_end);

/* `wake` is not called any more once this has returned. NULL is allowed. */
void etcd_transfer_close(struct etcd_transfer *t);

#endif
