/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "driver.h"
#include "proto/memcached/base64.h"

const char *answer_status_name(enum store_status status) {
    static const char *const names[STORE_STATUS_COUNT] = {
        [STORE_OK] = "OK",
#define STATUS(name, text) [STORE_##name] = #name,
#include "store/status.def"
#undef STATUS
    };

    return names[status];
}

static void set_number(json_t *object, const char *name, int64_t number) {
    json_object_set_new(object, name, json_integer(number));
}

static void set_flag(json_t *object, const char *name, bool on) {
    json_object_set_new(object, name, json_boolean(on));
}

static void set_status(json_t *object, enum store_status status) {
    json_object_set_new(object, "status", json_string(answer_status_name(status)));
}

static json_t *text_of(struct slice s) {
    size_t size = base64_encoded_size(s.size);
    char *text = malloc(size + 1);
    json_t *string;

    if (text == NULL) {
        return NULL;
    }
    base64_encode(s, text);
    string = json_stringn(text, size);
    free(text);
    return string;
}

static json_t *kv_object(const struct kv *kv) {
    json_t *object = json_object();

    json_object_set_new(object, "key", text_of(kv->key));
    json_object_set_new(object, "value", text_of(kv->value));
    set_number(object, "create_revision", kv->create_revision);
    set_number(object, "mod_revision", kv->mod_revision);
    set_number(object, "version", kv->version);
    set_number(object, "lease", kv->lease);
    return object;
}

static void set_kvs(json_t *object, const struct store_result *r) {
    json_t *list = json_array();

    for (size_t i = 0; i < r->kv_count; i++) {
        json_array_append_new(list, kv_object(&r->kvs[i]));
    }
    json_object_set_new(object, "kvs", list);
}

static json_t *result_object(const struct store_result *r);

static void set_results(json_t *object, const struct store_result *r) {
    json_t *list = json_array();

    for (size_t i = 0; i < r->result_count; i++) {
        json_array_append_new(list, result_object(&r->results[i]));
    }
    json_object_set_new(object, "results", list);
}

static void set_leases(json_t *object, const struct store_result *r) {
    json_t *list = json_array();

    for (int64_t i = 0; i < r->count; i++) {
        json_array_append_new(list, json_integer(r->ids[i]));
    }
    json_object_set_new(object, "leases", list);
}

static void set_lease(json_t *object, const struct store_result *r) {
    set_number(object, "lease", r->lease);
    set_number(object, "ttl", r->ttl);
    if (r->kind == STORE_OP_LEASE_TTL) {
        json_t *keys = json_array();

        for (int64_t i = 0; i < r->count; i++) {
            json_array_append_new(keys, text_of(r->keys[i]));
        }
        json_object_set_new(object, "keys", keys);
        set_number(object, "granted_ttl", r->granted_ttl);
    }
}

static json_t *result_object(const struct store_result *r) {
    json_t *object = json_object();

    switch (r->kind) {
    case STORE_OP_RANGE:
        set_kvs(object, r);
        set_number(object, "count", r->count);
        set_flag(object, "more", r->more);
        break;
    case STORE_OP_PUT:
        set_kvs(object, r);
        break;
    case STORE_OP_DELETE:
        set_kvs(object, r);
        set_number(object, "count", r->count);
        break;
    case STORE_OP_TXN:
        set_flag(object, "succeeded", r->succeeded);
        set_results(object, r);
        break;
    case STORE_OP_LEASE_GRANT:
    case STORE_OP_LEASE_KEEP_ALIVE:
    case STORE_OP_LEASE_TTL:
        set_lease(object, r);
        break;
    case STORE_OP_LEASE_LIST:
        set_leases(object, r);
        break;
    case STORE_OP_COMPACT:
    case STORE_OP_LEASE_REVOKE:
        break;
    }
    return object;
}

json_t *answer_call(const struct store_call *call) {
    json_t *object = json_object();

    set_status(object, call->status);
    set_number(object, "revision", call->revision);
    if (call->status == STORE_OK) {
        json_object_set_new(object, "result", result_object(&call->result));
    }
    return object;
}

json_t *answer_batch(const struct store_batch *batch) {
    json_t *object = json_object();
    json_t *events = json_array();

    set_status(object, batch->status);
    set_number(object, "revision", batch->revision);
    set_number(object, "compact_revision", batch->compact_revision);
    set_flag(object, "more", batch->more);
    for (size_t i = 0; i < batch->count; i++) {
        const struct kv_event *e = &batch->events[i];
        json_t *event = json_object();

        json_object_set_new(event, "type", json_string(e->kind == KV_EVENT_PUT ? "PUT" : "DELETE"));
        json_object_set_new(event, "kv", kv_object(&e->kv));
        if (e->has_previous) {
            json_object_set_new(event, "prev_kv", kv_object(&e->previous));
        }
        json_array_append_new(events, event);
    }
    json_object_set_new(object, "events", events);
    return object;
}

json_t *answer_figures(const struct store_figures *figures) {
    json_t *object = json_object();

    set_status(object, STORE_OK);
    set_number(object, "revision", figures->revision);
    set_number(object, "compact_revision", figures->compact_revision);
#define FIGURE(name) set_number(object, #name, (int64_t)figures->name)
    FIGURE(keys);
    FIGURE(bytes);
    FIGURE(quota);
    FIGURE(file_bytes);
    FIGURE(commits);
    FIGURE(commit_ops);
    FIGURE(syncs);
    FIGURE(sync_ns);
    FIGURE(compactions);
    FIGURE(watchers);
    FIGURE(leases);
    FIGURE(waiting);
#undef FIGURE
    set_flag(object, "full", figures->full);
    return object;
}
