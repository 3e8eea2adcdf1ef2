/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_KV_MESSAGE_H
#define LARDER_STORE_ETCD_KV_MESSAGE_H

#include "model/kv.h"
#include "proto/etcd/kv.pb-c.h"
#include "proto/etcd/message.h"

/* A key and its value of a message; borrows the message. NULL makes an empty one. */
static inline struct kv etcd_kv_of(const Mvccpb__KeyValue *m) {
    if (m == NULL) {
        return (struct kv){0};
    }
    return (struct kv){
        .key = etcd_bytes_slice(m->key),
        .value = etcd_bytes_slice(m->value),
        .create_revision = m->create_revision,
        .mod_revision = m->mod_revision,
        .version = m->version,
        .lease = m->lease,
    };
}

#endif
