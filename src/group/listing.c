/* SPDX-License-Identifier: Apache-2.0 */
#include "group/listing.h"

#include <stdlib.h>

#include "group/durable_op.h"
#include "store/span.h"

struct listing {
    struct pending pending; /* first */
    struct durable *durable;
    struct store_range range;
    bool too_old; /* what is known here was, when it was asked for */
    char data[];  /* the first key, and the end of the span */
};

static struct listing *listing_of(struct pending *p) {
    return (struct listing *)(void *)p;
}

static void free_listing(struct pending *p) {
    durable_discharge(listing_of(p)->durable, LISTING_BYTES_MAX);
    free(p);
}

static enum pending_next end(struct listing *l, enum result result) {
    struct reply *reply = &l->pending.reply;

    reply->result = result;
    reply->revision = l->range.revision != 0 ? l->range.revision : l->pending.call.revision;
    reply->source = REPLY_ASKED;
    if (l->range.revision == 0) {
        reply->source = durable_source_of(&l->pending.call, l->range.max_age_ns, l->too_old);
        reply->age_ns = l->range.max_age_ns > 0 ? l->pending.call.age_ns : 0;
    }
    return PENDING_DONE;
}

static enum pending_next on_read(struct pending *p);

static enum pending_next read_page(struct pending *p) {
    struct listing *l = listing_of(p);

    pending_renew_call(p);
    p->call.arena.limit = LISTING_BYTES_MAX;
    p->call.op = (struct store_op){.kind = STORE_OP_RANGE, .range = l->range};
    p->step = on_read;
    return PENDING_CALL;
}

/* A page that is too large is read again with half as many keys. */
static enum pending_next on_read(struct pending *p) {
    struct listing *l = listing_of(p);

    if (p->call.status == STORE_NO_MEMORY && l->range.limit > 1) {
        l->range.limit /= 2;
        return read_page(p);
    }
    return end(l, p->call.status == STORE_OK ? RESULT_HIT : durable_read_result_of(p->call.status));
}

static int64_t limit_of(const struct listing_wish *wish) {
    int64_t limit = wish->limit > 0 ? wish->limit : LISTING_LIMIT_DEFAULT;

    return limit < LISTING_LIMIT_MAX ? limit : LISTING_LIMIT_MAX;
}

/* Appends to a key that is being put together. */
static void add(struct slice *key, char *place, struct slice bytes) {
    if (bytes.size > 0) {
        memcpy(place + key->size, bytes.data, bytes.size);
    }
    *key = slice_make(place, key->size + bytes.size);
}

/* The span of the prefix, from behind `after` on, if that lies in it. */
static struct store_span span_of(const struct group_policy *policy, const struct listing_wish *wish, char *place) {
    struct slice prefix = {0};
    struct slice first = {0};
    struct store_span span;

    add(&prefix, place, group_policy_prefix(policy));
    add(&prefix, place, wish->prefix);
    place += prefix.size;
    span = store_span_of_prefix(prefix, place);
    place += prefix.size + 1;
    if (wish->after.data != NULL) {
        add(&first, place, group_policy_prefix(policy));
        add(&first, place, wish->after);
        add(&first, place, SLICE("\0"));
        if (slice_compare(first, span.key) > 0) {
            span.key = first;
        }
    }
    return span;
}

static struct listing *listing_new(const struct durable_access *a, const struct listing_wish *wish,
                                   struct reply *reply) {
    const struct group_policy *policy = a->copies.policy;
    size_t size = 3 * (size_t)policy->prefix_size + 2 * wish->prefix.size + wish->after.size + 2;
    struct listing *l;
    int64_t age_ns;

    if (!durable_charge(a->durable, LISTING_BYTES_MAX)) {
        telemetry_count(a->telemetry, COUNTER_LIMIT_STORE_MEMORY, 1);
        reply->result = RESULT_TOO_MANY_REQUESTS;
        return NULL;
    }
    l = malloc(sizeof(*l) + size);
    if (l == NULL) {
        durable_discharge(a->durable, LISTING_BYTES_MAX);
        reply->result = RESULT_NO_MEMORY;
        return NULL;
    }
    pending_init(&l->pending, a->completions, a->durable->store, read_page, free_listing);
    pending_within(&l->pending, wish->scope);
    l->durable = a->durable;
    l->pending.reply.group = policy->index;
    l->range = (struct store_range){
        .span = span_of(policy, wish, l->data),
        .revision = wish->revision,
        .limit = limit_of(wish),
        .keys_only = !wish->values,
        .max_age_ns = durable_max_age(policy, wish->has_freshness ? &wish->freshness : NULL),
    };
    l->too_old = !durable_is_proven(a, l->range.max_age_ns, &age_ns);
    return l;
}

void listing_run(const struct durable_access *a, const struct listing_wish *wish, struct reply *reply) {
    struct listing *l = listing_new(a, wish, reply);

    if (l != NULL) {
        pending_start(&l->pending, reply);
    }
}

void listing_page_of(const struct reply *reply, struct listing_page *ret_page) {
    const struct pending *p = reply->held;
    const struct store_result *result = &p->call.result;

    assert(reply->result == RESULT_HIT);
    *ret_page = (struct listing_page){
        .kvs = result->kvs,
        .count = result->kv_count,
        .total = result->count,
        .more = result->more,
    };
}
