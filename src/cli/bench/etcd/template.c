/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/template.h"

#include <stdlib.h>
#include <string.h>

#include "cli/bench/etcd/wire.h"
#include "proto/etcd/message.h"
#include "proto/etcd/rpc.pb-c.h"

/* Bytes in front of a field's payload: a tag of one byte and the length. */
static size_t front(size_t payload) {
    return 1 + wire_varint_size(payload);
}

static bool pack(const ProtobufCMessage *message, struct template *template) {
    template->size = protobuf_c_message_get_packed_size(message);
    template->bytes = malloc(template->size + 1);
    if (template->bytes == NULL) {
        return false;
    }
    protobuf_c_message_pack(message, (uint8_t *)template->bytes);
    return true;
}

/* What a key and a value look like before any is written; owned by the caller. NULL: out of memory. */
static char *make_key(const struct etcd_config *c, struct slice *ret_key) {
    size_t prefix = strlen(c->key_prefix);
    char *key = malloc(prefix + c->key_size);

    if (key != NULL) {
        memcpy(key, c->key_prefix, prefix);
        etcd_config_write_key(c, 0, key + prefix);
        *ret_key = slice_make(key, prefix + c->key_size);
    }
    return key;
}

static char *make_value(const struct etcd_config *c) {
    char *value = malloc(c->value_size + 1);

    for (uint64_t i = 0; value != NULL && i < c->value_size; i++) {
        value[i] = (char)('a' + i % 26);
    }
    return value;
}

static bool pack_put(const struct etcd_config *c, struct slice key, const char *value, struct template *t) {
    Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;

    put.key = etcd_bytes(key);
    put.value = etcd_bytes(slice_make(value, c->value_size));
    t->keys = 1;
    t->key_at = front(key.size) + strlen(c->key_prefix);
    t->value_at = front(key.size) + key.size + front(c->value_size);
    return pack(&put.base, t);
}

/* TxnRequest { success (2): RequestOp { request_put (2): PutRequest { key (1), value (2) } }, ... } */
static bool pack_txn(const struct etcd_config *c, struct slice key, const char *value, struct template *t) {
    Etcdserverpb__TxnRequest txn = ETCDSERVERPB__TXN_REQUEST__INIT;
    Etcdserverpb__RequestOp op = ETCDSERVERPB__REQUEST_OP__INIT;
    Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
    Etcdserverpb__RequestOp **ops = malloc(c->txn_ops * sizeof(*ops));
    size_t put_size, op_size;
    bool packed;

    if (ops == NULL) {
        return false;
    }
    put.key = etcd_bytes(key);
    put.value = etcd_bytes(slice_make(value, c->value_size));
    op.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
    op.request_put = &put;
    for (uint64_t i = 0; i < c->txn_ops; i++) {
        ops[i] = &op;
    }
    txn.n_success = c->txn_ops;
    txn.success = ops;
    put_size = protobuf_c_message_get_packed_size(&put.base);
    op_size = front(put_size) + put_size;
    t->keys = c->txn_ops;
    t->key_at = front(op_size) + front(put_size) + front(key.size) + strlen(c->key_prefix);
    t->stride = front(op_size) + op_size;
    packed = pack(&txn.base, t);
    free(ops);
    return packed;
}

static bool pack_range(const struct etcd_config *c, struct slice key, struct template *t) {
    Etcdserverpb__RangeRequest range = ETCDSERVERPB__RANGE_REQUEST__INIT;

    t->keys = c->key == NULL;
    t->key_at = front(key.size) + strlen(c->key_prefix);
    range.key = etcd_bytes(c->key == NULL ? key : slice_from_string(c->key));
    if (c->range_end != NULL) {
        range.range_end = etcd_bytes(slice_from_string(c->range_end));
    }
    range.limit = (int64_t)c->limit;
    range.count_only = c->count_only;
    range.serializable = c->serializable;
    return pack(&range.base, t);
}

static bool pack_grant(const struct etcd_config *c, struct template *t) {
    Etcdserverpb__LeaseGrantRequest grant = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;

    grant.ttl = (int64_t)c->ttl;
    return pack(&grant.base, t);
}

static bool pack_kind(const struct etcd_config *c, enum etcd_kind kind, struct slice key, const char *value,
                      struct template *t) {
    switch (kind) {
    case ETCD_PUT:
    case ETCD_WATCH:
        return pack_put(c, key, value, t);
    case ETCD_TXN:
        return pack_txn(c, key, value, t);
    case ETCD_RANGE:
        return pack_range(c, key, t);
    case ETCD_LEASE_GRANT:
    case ETCD_LEASE_KEEPALIVE: /* each first wants a lease */
        return pack_grant(c, t);
    }
    return false;
}

bool template_make(const struct etcd_config *c, enum etcd_kind kind, struct template *ret_template) {
    struct slice key = {NULL, 0};
    char *key_bytes = make_key(c, &key);
    char *value = make_value(c);
    bool made;

    *ret_template = (struct template){.bytes = NULL};
    made = key_bytes != NULL && value != NULL && pack_kind(c, kind, key, value, ret_template);
    free(key_bytes);
    free(value);
    return made;
}

bool template_make_watcher(const struct etcd_config *c, struct template *ret_template) {
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    struct slice key = {NULL, 0};
    char *key_bytes = make_key(c, &key);
    bool made;

    *ret_template = (struct template){.keys = 1};
    if (key_bytes == NULL) {
        return false;
    }
    create.key = etcd_bytes(key);
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    request.create_request = &create;
    ret_template->key_at =
        front(protobuf_c_message_get_packed_size(&create.base)) + front(key.size) + strlen(c->key_prefix);
    made = pack(&request.base, ret_template);
    free(key_bytes);
    return made;
}

void template_free(struct template *t) {
    free(t->bytes);
    t->bytes = NULL;
}
