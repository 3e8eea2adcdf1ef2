/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/glance.h"

#include "cli/bench/etcd/wire.h"

/* Numbers of fields, of etcd's rpc.proto and kv.proto. */
enum {
    ANSWER_HEADER = 1,
    RANGE_KVS = 2,
    RANGE_COUNT = 4,
    KV_VALUE = 5,
    WATCH_CREATED = 3,
    WATCH_CANCELED = 4,
    WATCH_CANCEL_REASON = 6,
    WATCH_EVENTS = 11,
    EVENT_KV = 2,
    LEASE_ID = 2,
    LEASE_TTL = 3,
    TXN_SUCCEEDED = 2,
};

/* The last field of that number; an absent one is empty and 0. */
static bool find(struct slice message, uint32_t number, struct wire_field *ret_field) {
    struct wire_field field;
    bool good;

    *ret_field = (struct wire_field){.number = number};
    while (wire_next(&message, &field, &good)) {
        if (field.number == number) {
            *ret_field = field;
        }
    }
    return good;
}

bool glance_range(struct slice message, struct glance_range *ret_glance) {
    struct wire_field field, value;
    bool good;

    *ret_glance = (struct glance_range){.keys = 0};
    while (wire_next(&message, &field, &good)) {
        if (field.number == RANGE_COUNT) {
            ret_glance->count = (int64_t)field.integer;
        } else if (field.number == RANGE_KVS && ret_glance->keys++ == 0) {
            if (!find(field.bytes, KV_VALUE, &value)) {
                return false;
            }
            ret_glance->first_value = value.bytes.size;
        }
    }
    return good;
}

static bool glance_event(struct slice event, void (*on_event)(void *ctx, struct slice value), void *ctx) {
    struct wire_field kv, value;

    if (!find(event, EVENT_KV, &kv) || !find(kv.bytes, KV_VALUE, &value)) {
        return false;
    }
    on_event(ctx, value.bytes);
    return true;
}

bool glance_watch(struct slice message, struct glance_watch *ret_glance,
                  void (*on_event)(void *ctx, struct slice value), void *ctx) {
    struct wire_field field;
    bool good;

    *ret_glance = (struct glance_watch){.events = 0};
    while (wire_next(&message, &field, &good)) {
        switch (field.number) {
        case WATCH_CREATED:
            ret_glance->created = field.integer != 0;
            break;
        case WATCH_CANCELED:
            ret_glance->canceled = field.integer != 0;
            break;
        case WATCH_CANCEL_REASON:
            ret_glance->cancel_reason = field.bytes;
            break;
        case WATCH_EVENTS:
            ret_glance->events++;
            if (on_event != NULL && !glance_event(field.bytes, on_event, ctx)) {
                return false;
            }
            break;
        default:
            break;
        }
    }
    return good;
}

bool glance_lease(struct slice message, int64_t *ret_id) {
    struct wire_field field;

    if (!find(message, LEASE_ID, &field) || field.integer == 0) {
        return false;
    }
    *ret_id = (int64_t)field.integer;
    return true;
}

bool glance_keepalive(struct slice message, int64_t *ret_ttl) {
    struct wire_field field;

    if (!find(message, LEASE_TTL, &field)) {
        return false;
    }
    *ret_ttl = (int64_t)field.integer;
    return true;
}

bool glance_txn_succeeded(struct slice message) {
    struct wire_field field;

    return find(message, TXN_SUCCEEDED, &field) && field.integer == 1;
}

bool glance_is_answer(struct slice message) {
    struct wire_field field;

    return find(message, ANSWER_HEADER, &field) && field.bytes.size > 0;
}
