/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable_op.h"
#include "group/envelope.h"
#include "group/memory_internal.h"

/* --- from a copy --- */

int64_t durable_max_age(const struct group_policy *policy, const struct freshness *wanted) {
    const struct freshness *freshness = wanted != NULL ? wanted : &policy->freshness;

    switch (freshness->kind) {
    case FRESHNESS_CACHED:
        return policy->stale_limit_ns;
    case FRESHNESS_MAX_STALE:
        return freshness->max_stale_ns;
    case FRESHNESS_LINEARIZABLE:
        break;
    }
    return 0;
}

static int64_t max_age_of(const struct group_policy *policy, const struct request *request) {
    return durable_max_age(policy, has_option(request, REQUEST_FRESHNESS) ? &request->freshness : NULL);
}

/* The one place where freshness is decided. A proof must be younger than the request allows what it gets to be old; a
 * request that allows no age is content with copies that always are as the store is. The proof is looked at before the copy,
 * which can only be fresher. */
bool durable_is_proven(const struct durable_access *a, int64_t max_age_ns, int64_t *ret_age_ns) {
    int64_t proven_ns;

    *ret_age_ns = 0;
    if (a->durable->is_own) {
        return true; /* as below, but for the question */
    }
    proven_ns = store_proven_ns(a->durable->store);
    if (proven_ns == INT64_MAX) {
        return true;
    }
    if (max_age_ns == 0 || proven_ns < a->now_ns - max_age_ns) {
        return false;
    }
    *ret_age_ns = a->now_ns > proven_ns ? a->now_ns - proven_ns : 0;
    return true;
}

/* A copy may be ahead of the store by a moment: of what no read can find yet. And it does not know how long it will be. */
static bool is_usable(const struct entry *copy, const struct request *request, int64_t revision) {
    bool needs_lease = has_option(request, REQUEST_WANT_TTL) || request->command == COMMAND_DEBUG;

    return (int64_t)copy->cas <= revision && !(needs_lease && (copy->bits & ENTRY_LEASED) != 0);
}

static void show_copy(const struct durable_access *a, const struct request *request, struct spot *spot,
                      struct reply *reply) {
    struct entry *e = spot->entry;

    if (request->options == 0) {
        reply->item.client_flags = e->client_flags;
        reply->item.cas = e->cas;
    } else {
        memory_describe(spot, a->copies.now, &reply->item);
        reply->item.binary_key = has_option(request, REQUEST_BINARY_KEY);
        reply->item.unchanged = has_option(request, REQUEST_COMPARE) && request->compare == e->cas;
    }
    if (!has_option(request, REQUEST_NO_BUMP)) {
        entry_read(e, a->copies.now);
    }
    memory_show_value(spot, reply);
}

bool durable_get_copy(const struct durable_access *a, const struct request *request, struct reply *reply) {
    struct spot spot;

    if (has_option(request, REQUEST_AT_REVISION) || !durable_has_copies(a, request->key) ||
        !durable_is_proven(a, max_age_of(a->copies.policy, request), &reply->age_ns)) {
        return false;
    }
    (void)spot_lock(&a->copies, request->key, &spot); /* no gate is before copies */
    reply->revision = store_revision(a->durable->store);
    if (spot.entry == NULL || !is_usable(spot.entry, request, reply->revision)) {
        spot_unlock(&spot);
        return false;
    }
    reply->result = RESULT_HIT;
    if (request->command == COMMAND_DEBUG) {
        memory_describe(&spot, a->copies.now, &reply->item);
        reply->item.binary_key = has_option(request, REQUEST_BINARY_KEY);
        spot_unlock(&spot);
    } else {
        show_copy(a, request, &spot, reply);
    }
    return true;
}

/* --- from the store --- */

/* Leaves in the table what was found. */
static void fill_copy(const struct durable_op *op, const struct kv *kv, struct slice content, uint32_t client_flags) {
    struct copies *c = &op->durable->copies;
    struct copies_found found = {.era = op->era, .revision = op->pending.call.revision};

    if (!op->has_copies || !op->is_told || has_option(&op->request, REQUEST_AT_REVISION)) {
        return;
    }
    if (kv == NULL) {
        copies_fill_none(c, op->request.key, &found, op->now);
    } else if (op->request.command == COMMAND_DEBUG ||
               entry_size_for(op->request.key.size, content.size) > op->max_item) {
        found.revision = kv->mod_revision;
        copies_fill_none(c, op->request.key, &found, op->now);
    } else {
        const struct copies_value value = {
            .value = content,
            .client_flags = client_flags,
            .group = op->group,
            .leased = kv->lease != 0,
            .read = !has_option(&op->request, REQUEST_NO_BUMP),
            .mod_revision = kv->mod_revision,
        };

        copies_fill(c, op->request.key, &value, &found, op->now);
    }
}

static void describe(struct durable_op *op, const struct kv *kv, struct slice content, uint32_t client_flags) {
    const struct request *request = &op->request;

    op->pending.reply.item = (struct item){
        .value = content,
        .client_flags = client_flags,
        .cas = (uint64_t)kv->mod_revision,
        .ttl = ITEM_TTL_FOREVER,
        .ttl_before = ITEM_TTL_FOREVER,
        .footprint = (uint32_t)entry_size_for(request->key.size, content.size),
        .binary_key = has_option(request, REQUEST_BINARY_KEY),
        .unchanged = has_option(request, REQUEST_COMPARE) && request->compare == (uint64_t)kv->mod_revision,
    };
}

static enum pending_next fail(struct durable_op *op) {
    enum pending_next next = durable_fail(op, op->pending.call.status);

    op->pending.reply.result = durable_read_result_of(op->pending.call.status);
    return next;
}

static enum pending_next on_lease(struct pending *p) {
    if (p->call.status != STORE_OK) {
        return fail(durable_op_of(p));
    }
    /* A lease that is over takes its keys with it at once. */
    p->reply.item.ttl = p->call.result.ttl > 0 ? p->call.result.ttl : 0;
    p->reply.item.ttl_before = p->reply.item.ttl;
    return PENDING_DONE;
}

/* An answer about the past is known for that revision, and does not age. One that reflects all that was acknowledged before
 * it was asked for lacks nothing. */
static enum pending_next end_read(struct durable_op *op, enum result result) {
    struct reply *reply = &op->pending.reply;

    durable_end(op, result);
    if (has_option(&op->request, REQUEST_AT_REVISION)) {
        reply->revision = op->request.revision;
        return PENDING_DONE;
    }
    reply->source = durable_source_of(&op->pending.call, op->max_age_ns, op->too_old);
    reply->age_ns = op->max_age_ns > 0 ? op->pending.call.age_ns : 0;
    return PENDING_DONE;
}

static enum pending_next on_found(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    const struct kv *kv = p->call.result.kv_count > 0 ? p->call.result.kvs : NULL;
    uint32_t client_flags = 0;
    struct slice content = {0};
    int64_t lease;

    if (p->call.status != STORE_OK) {
        return fail(op);
    }
    if (kv != NULL) {
        content = envelope_open(kv->value, &client_flags);
        if (p->call.revision < kv->mod_revision) {
            p->call.revision =
                kv->mod_revision; /* of a write that was answered before its turn: of this key it is all */
        }
    }
    fill_copy(op, kv, content, client_flags);
    if (kv == NULL) {
        return end_read(op, RESULT_MISS);
    }
    describe(op, kv, content, client_flags);
    end_read(op, RESULT_HIT);
    lease = kv->lease;
    if (lease == 0 || !(has_option(&op->request, REQUEST_WANT_TTL) || op->request.command == COMMAND_DEBUG)) {
        return PENDING_DONE;
    }
    durable_keep_answer(op);
    return durable_call_lease_ttl(op, lease, on_lease);
}

static enum pending_next get(struct pending *p) {
    return durable_call_range(durable_op_of(p), on_found);
}

void durable_get(const struct durable_access *a, const struct request *request, struct reply *reply) {
    struct durable_op *op = durable_op_new(a, request, get, reply);
    int64_t age_ns;

    if (op != NULL) {
        op->max_age_ns = max_age_of(a->copies.policy, request);
        op->too_old = !durable_is_proven(a, op->max_age_ns, &age_ns);
        pending_start(&op->pending, reply);
    }
}
