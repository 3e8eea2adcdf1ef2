/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable.h"

#include <stdlib.h>

#include "group/durable_op.h"
#include "group/envelope.h"
#include "group/memory_internal.h"

/* --- events --- */

static void take_event(struct durable *d, const struct group_policy *policy, const struct kv_event *event,
                       uint32_t now) {
    char place[GROUP_NAME_MAX + 1 + REQUEST_KEY_MAX];
    size_t rest = event->kv.key.size - policy->prefix_size;
    struct copies_value value = {
        .group = (uint16_t)policy->index, .leased = event->kv.lease != 0, .mod_revision = event->kv.mod_revision};
    struct slice key;

    if (policy->name_size + 1 + rest > REQUEST_KEY_MAX) {
        return; /* no copies of such a key */
    }
    key = group_client_key(policy, event->kv.key, place);
    if (event->kind == KV_EVENT_DELETE) {
        copies_delete(&d->copies, key, event->kv.mod_revision, now);
        return;
    }
    value.value = envelope_open(event->kv.value, &value.client_flags);
    copies_put(&d->copies, key, &value, now);
}

static void on_events(void *ctx, const struct kv_event *events, size_t count) {
    struct durable *d = ctx;
    uint32_t now = table_seconds(d->start_ns, d->now_ns());

    for (size_t i = 0; i < count; i++) {
        const struct group_policy *policy = group_set_find_by_store_key(d->groups, events[i].kv.key);

        if (policy != NULL) {
            take_event(d, policy, &events[i], now);
        }
    }
}

static void on_early(void *ctx, const struct kv_event *event) {
    on_events(ctx, event, 1);
}

/* Entries of store groups are copies, all others are not. */
static bool is_copy(void *ctx, struct entry *e) {
    const struct group_set *groups = ctx;

    return e->group < groups->count && group_policy_is_store(&groups->policies[e->group]);
}

static void on_reset(void *ctx) {
    struct durable *d = ctx;

    copies_reset(&d->copies, is_copy, d->groups);
}

static const struct store_observer observer = {.events = on_events, .early = on_early, .reset = on_reset};

/* --- begin and end --- */

struct durable *durable_new(const struct durable_config *config) {
    struct durable *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        return NULL;
    }
    d->store = config->store;
    d->start_ns = config->start_ns;
    d->now_ns = config->now_ns;
    atomic_init(&d->memory, 0);
    atomic_init(&d->auditing, false);
    d->groups = malloc(sizeof(*d->groups));
    if (d->groups == NULL || copies_init(&d->copies, config->table) != LARDER_OK ||
        lease_book_init(&d->leases) != LARDER_OK) {
        durable_free(d);
        return NULL;
    }
    *d->groups = *config->groups;
    d->has_copies = store_observe(d->store, &observer, d);
    d->is_own = store_proven_ns(d->store) == INT64_MAX;
    return d;
}

void durable_free(struct durable *d) {
    if (d == NULL) {
        return;
    }
    assert(atomic_load(&d->memory) == 0);
    lease_book_fini(&d->leases);
    copies_fini(&d->copies);
    free(d->groups);
    free(d);
}

/* --- requests --- */

enum { KEY_LOOKED_AT = 16 /* bytes, enough to tell our own keys */ };

static bool has_meaning(const struct request *request) {
    uint32_t without = REQUEST_INVALIDATE;

    if (request->command == COMMAND_GET || request->command == COMMAND_GAT) {
        without |= REQUEST_VIVIFY | REQUEST_RECACHE;
    } else {
        without |= REQUEST_SET_CAS;
    }
    return request->command != COMMAND_INVALIDATE && (request->options & without) == 0;
}

/* Of the store key only the beginning need be looked at. */
static bool is_key(const struct group_policy *policy, struct slice key) {
    char place[GROUP_PREFIX_MAX + GROUP_NAME_MAX + 1 + KEY_LOOKED_AT];
    size_t looked_at = (size_t)policy->name_size + 1 + KEY_LOOKED_AT;
    struct slice store_key =
        group_store_key(policy, slice_make(key.data, key.size < looked_at ? key.size : looked_at), place);

    return key.size <= GROUP_STORE_KEY_MAX && store_key.size > 0 && !group_store_key_is_ours(store_key);
}

bool durable_accepts(const struct group_policy *policy, const struct request *request) {
    return entry_size_for(request->key.size, request->body_size) <= policy->max_item &&
           policy->prefix_size + request->key.size + ENVELOPE_SIZE + request->body_size <= STORE_REQUEST_MAX;
}

bool durable_is_ordered(const struct group_policy *policy, const struct request *request) {
    const uint32_t plain = REQUEST_EVICT_ON_REFUSAL | REQUEST_BINARY_KEY | REQUEST_NO_BUMP | REQUEST_WANT_TTL |
                           REQUEST_TOUCH | REQUEST_WANT_CREATED;
    bool cut;

    if ((request->options & ~plain) != 0 || request->conditions != NULL) {
        return false;
    }
    return request->command == COMMAND_DELETE ||
           (request->command == COMMAND_SET && group_policy_ttl(policy, request->ttl, &cut) <= 0);
}

/* Of a command that does not only read. */
static durable_step *first_step(const struct request *request) {
    switch (request->command) {
    case COMMAND_SET:
    case COMMAND_ADD:
    case COMMAND_REPLACE:
    case COMMAND_CAS:
        return durable_put_start;
    case COMMAND_GAT:
    case COMMAND_TOUCH:
        return durable_touch_start;
    case COMMAND_DELETE:
        return has_option(request, REQUEST_DROP_VALUE) ? durable_edit_start : durable_delete_start;
    case COMMAND_APPEND:
    case COMMAND_PREPEND:
    case COMMAND_INCR:
    case COMMAND_DECR:
        return durable_edit_start;
    default:
        return NULL;
    }
}

void durable_run(const struct durable_access *a, const struct request *request, struct reply *reply) {
    bool reads = request->command == COMMAND_GET || request->command == COMMAND_DEBUG;
    durable_step *step;

    if (!has_meaning(request)) {
        reply->result = RESULT_NOT_IN_STORE;
        return;
    }
    if (reads && durable_get_copy(a, request, reply)) {
        return;
    }
    step = first_step(request);
    if (step == NULL && !reads) {
        reply->result = RESULT_UNSUPPORTED;
    } else if (!is_key(a->copies.policy, request->key)) {
        reply->result = RESULT_BAD_KEY;
    } else if (reads) {
        durable_get(a, request, reply);
    } else if (!durable_accepts(a->copies.policy, request)) {
        reply->result = RESULT_TOO_LARGE;
    } else {
        durable_start(a, request, step, reply);
    }
}
