/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_encode.h"

#include <stdlib.h>

#include "base/base64.h"

json_t *encode_integer(int64_t number) {
    return json_integer((json_int_t)number);
}

static void put_integer(json_t *object, const char *name, int64_t number) {
    json_object_set_new(object, name, encode_integer(number));
}

json_t *encode_status(enum store_status status) {
    static const char *const names[STORE_STATUS_COUNT] = {
        [STORE_OK] = "OK",
#define STATUS(name, text) [STORE_##name] = #name,
#include "store/status.def"
#undef STATUS
    };

    return json_string(names[status]);
}

json_t *encode_bytes(struct slice bytes) {
    size_t size = base64_encoded_size(bytes.size);
    char *text = malloc(size + 1);
    json_t *string;

    if (text == NULL) {
        return NULL;
    }
    base64_encode(bytes, text);
    string = json_stringn_nocheck(text, size);
    free(text);
    return string;
}

static json_t *encode_kv(const struct kv *kv) {
    json_t *object = json_object();

    json_object_set_new(object, "key", encode_bytes(kv->key));
    json_object_set_new(object, "value", encode_bytes(kv->value));
    put_integer(object, "create_revision", kv->create_revision);
    put_integer(object, "mod_revision", kv->mod_revision);
    put_integer(object, "version", kv->version);
    put_integer(object, "lease", kv->lease);
    return object;
}

json_t *encode_event(const struct kv_event *event) {
    json_t *object = json_object();

    json_object_set_new(object, "type", json_string(event->kind == KV_EVENT_PUT ? "PUT" : "DELETE"));
    json_object_set_new(object, "kv", encode_kv(&event->kv));
    if (event->has_previous) {
        json_object_set_new(object, "previous", encode_kv(&event->previous));
    }
    return object;
}

static void put_kvs(json_t *object, const struct store_result *result) {
    json_t *array = json_array();

    for (size_t i = 0; i < result->kv_count; i++) {
        json_array_append_new(array, encode_kv(&result->kvs[i]));
    }
    json_object_set_new(object, "kvs", array);
}

static void put_keys(json_t *object, const struct store_result *result) {
    json_t *array = json_array();

    for (int64_t i = 0; result->keys != NULL && i < result->count; i++) {
        json_array_append_new(array, encode_bytes(result->keys[i]));
    }
    json_object_set_new(object, "keys", array);
}

static void put_ids(json_t *object, const struct store_result *result) {
    json_t *array = json_array();

    for (int64_t i = 0; i < result->count; i++) {
        json_array_append_new(array, encode_integer(result->ids[i]));
    }
    json_object_set_new(object, "ids", array);
}

static void put_result(json_t *object, const struct store_result *result);

static void put_txn(json_t *object, const struct store_result *result) {
    json_t *array = json_array();

    for (size_t i = 0; i < result->result_count; i++) {
        json_t *one = json_object();

        put_result(one, &result->results[i]);
        json_array_append_new(array, one);
    }
    json_object_set_new(object, "succeeded", json_boolean(result->succeeded));
    json_object_set_new(object, "results", array);
}

static void put_lease(json_t *object, const struct store_result *result) {
    put_integer(object, "lease", result->lease);
    put_integer(object, "ttl", result->ttl);
    put_integer(object, "granted_ttl", result->granted_ttl);
}

static void put_result(json_t *object, const struct store_result *result) {
    static const char *const kinds[] = {
        [STORE_OP_RANGE] = "range",
        [STORE_OP_PUT] = "put",
        [STORE_OP_DELETE] = "delete",
        [STORE_OP_TXN] = "txn",
        [STORE_OP_COMPACT] = "compact",
        [STORE_OP_LEASE_GRANT] = "lease_grant",
        [STORE_OP_LEASE_REVOKE] = "lease_revoke",
        [STORE_OP_LEASE_KEEP_ALIVE] = "lease_keep_alive",
        [STORE_OP_LEASE_TTL] = "lease_ttl",
        [STORE_OP_LEASE_LIST] = "lease_list",
        [STORE_OP_NOTE] = "note",
        [STORE_OP_AUDIT] = "audit",
        [STORE_OP_DEFRAGMENT] = "defragment",
    };

    json_object_set_new(object, "kind", json_string(kinds[result->kind]));
    switch (result->kind) {
    case STORE_OP_RANGE:
        json_object_set_new(object, "more", json_boolean(result->more));
        put_integer(object, "count", result->count);
        put_kvs(object, result);
        break;
    case STORE_OP_DELETE:
        put_integer(object, "count", result->count);
        put_kvs(object, result);
        break;
    case STORE_OP_PUT:
        put_kvs(object, result);
        break;
    case STORE_OP_TXN:
        put_txn(object, result);
        break;
    case STORE_OP_LEASE_TTL:
        put_keys(object, result);
        put_lease(object, result);
        break;
    case STORE_OP_NONE: /* an operation of a transaction that was left out has no result */
        break;
    case STORE_OP_LEASE_GRANT:
    case STORE_OP_LEASE_KEEP_ALIVE:
        put_lease(object, result);
        break;
    case STORE_OP_LEASE_LIST:
        put_ids(object, result);
        break;
    case STORE_OP_AUDIT:
    case STORE_OP_COMPACT:
    case STORE_OP_NOTE:
    case STORE_OP_DEFRAGMENT:
    case STORE_OP_LEASE_REVOKE:
        break;
    }
}

json_t *encode_call(const struct store_call *call) {
    json_t *object = json_object();

    json_object_set_new(object, "status", encode_status(call->status));
    put_integer(object, "revision", call->revision);
    if (call->status == STORE_OK) {
        put_result(object, &call->result);
    }
    return object;
}

json_t *encode_figures(const struct store_figures *figures) {
    json_t *object = json_object();

    put_integer(object, "revision", figures->revision);
    put_integer(object, "compact_revision", figures->compact_revision);
    put_integer(object, "keys", (int64_t)figures->keys);
    put_integer(object, "bytes", (int64_t)figures->bytes);
    put_integer(object, "quota", (int64_t)figures->quota);
    put_integer(object, "file_bytes", (int64_t)figures->file_bytes);
    put_integer(object, "commits", (int64_t)figures->commits);
    put_integer(object, "commit_ops", (int64_t)figures->commit_ops);
    put_integer(object, "syncs", (int64_t)figures->syncs);
    put_integer(object, "sync_ns", (int64_t)figures->sync_ns);
    put_integer(object, "compactions", (int64_t)figures->compactions);
    put_integer(object, "watchers", (int64_t)figures->watchers);
    put_integer(object, "leases", (int64_t)figures->leases);
    put_integer(object, "waiting", (int64_t)figures->waiting);
    json_object_set_new(object, "full", json_boolean(figures->full));
    return object;
}
