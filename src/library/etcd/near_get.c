/* SPDX-License-Identifier: Apache-2.0 */
#include <larder/near.h>

#include "cohere/near.h"
#include "library/etcd/call.h"
#include "library/etcd/status.h"
#include "library/etcd/told.h"
#include "library/etcd/translate.h"
#include "library/memory.h"

/* Reads of the near cache. The call is kept in the value from read to read, with a piece of arena, so that a hit asks nobody for
 * memory. */

static struct call *call_of(struct larder_near_value *value, const struct larder_allocator *allocator) {
    struct call *c = value->memory;

    if (c == NULL) {
        c = memory_new(allocator, sizeof(*c));
        if (c == NULL) {
            return NULL;
        }
        call_init(c);
        value->memory = c;
        value->allocator = *allocator;
    }
    arena_reset(&c->call.arena);
    /* A chunk of the usual size, which a reset keeps; a hit would make one that is as large as its answer. */
    (void)arena_alloc(&c->call.arena, 1);
    return c;
}

void larder_near_value_free(struct larder_near_value *value) {
    if (value->memory != NULL) {
        call_fini(value->memory);
        memory_free(&value->allocator, value->memory);
    }
    *value = LARDER_NEAR_VALUE_INIT;
}

static enum larder_status fail(struct larder_near_value *value, enum larder_status status, const char *why) {
    value->status = status;
    value->from_memory = false;
    value->value = NULL;
    value->value_size = 0;
    client_say(value->message, status, why);
    return status;
}

static enum larder_status take(const struct larder_etcd *client, const struct store_call *call, bool from_memory,
                               struct larder_near_value *value) {
    const struct kv *kv = call->result.kv_count > 0 ? call->result.kvs : NULL;
    static const struct kv none;

    if (call->status != STORE_OK) {
        fail(value, status_of(call->status), "");
        status_explain(client->cluster, call->status, call->etcd_error, value->message);
        return value->status;
    }
    value->status = kv != NULL ? LARDER_HIT : LARDER_MISS;
    kv = kv != NULL ? kv : &none;
    value->from_memory = from_memory;
    value->value = kv->value.data;
    value->value_size = kv->value.size;
    value->create_revision = kv->create_revision;
    value->mod_revision = kv->mod_revision;
    value->version = kv->version;
    value->lease = kv->lease;
    value->revision = call->revision;
    value->age_ns = call->age_ns;
    value->message[0] = '\0';
    return value->status;
}

enum larder_status larder_near_get(struct larder_near *near, const void *key, size_t key_size,
                                   enum larder_near_freshness freshness, unsigned max_stale_ms,
                                   struct larder_near_value *value) {
    struct larder_etcd *client = larder_near_etcd(near);
    bool from_memory;
    struct told told;
    struct call *c;

    if (client_is_foreign(client)) {
        return fail(value, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    if (key_size == 0) {
        return fail(value, LARDER_ERR_KEY, "the key is empty");
    }
    if ((unsigned)freshness > LARDER_NEAR_CACHED || (freshness == LARDER_NEAR_MAX_STALE && max_stale_ms == 0)) {
        return fail(value, LARDER_ERR_INVALID, "that is no freshness");
    }
    c = call_of(value, &client->allocator);
    if (c == NULL) {
        return fail(value, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    c->call.age_ns = 0;
    c->call.op.kind = STORE_OP_RANGE;
    c->call.op.range = (struct store_range){
        .span = {.key = slice_make(key, key_size)},
        .serializable = freshness == LARDER_NEAR_CACHED,
        .max_age_ns = freshness == LARDER_NEAR_MAX_STALE ? max_stale_ms * CLOCK_NS_PER_MS : 0,
    };
    told_begin(&told, client, client->parent, OBSERVE_NEAR_GET);
    from_memory = near_try(client->store, &c->call);
    if (!from_memory) {
        call_wait(client, c, 0);
    }
    told_end(&told, &c->call, from_memory);
    return take(client, &c->call, from_memory, value);
}
