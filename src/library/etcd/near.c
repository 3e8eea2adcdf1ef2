/* SPDX-License-Identifier: Apache-2.0 */
#include <larder/near.h>
#include <larder/trace.h>
#include <stdlib.h>

#include "cohere/near.h"
#include "library/etcd/call.h"
#include "library/etcd/status.h"
#include "library/etcd/translate.h"
#include "library/memory.h"

enum {
    DEFAULT_MEMORY = 64 << 20,
    DEFAULT_MIRROR_MEMORY = 1 << 30,
    WATCH_MEMORY = 16 << 20, /* bytes of events that are remembered for watches */
    DEFAULT_STALE_MS = 5000,
};

struct larder_near {
    struct larder_etcd *client;
    struct larder_allocator allocator;
    struct coherence_policy policy;
    size_t count; /* of prefixes; 0: all keys are kept */
    struct slice *prefixes;
};

/* --- making --- */

/* For the machine; any thread. */
static const struct coherence_policy *find_policy(void *ctx, struct slice key) {
    const struct larder_near *near = ctx;

    for (size_t i = 0; i < near->count; i++) {
        if (slice_has_prefix(key, near->prefixes[i])) {
            return &near->policy;
        }
    }
    return near->count == 0 ? &near->policy : NULL;
}

static const char *find_contradiction(const struct larder_near_options *o) {
    if (o->size != sizeof(*o)) {
        return "the options have no size, or one that is unknown";
    }
    for (size_t i = 0; i < o->prefix_count; i++) {
        for (size_t j = 0; j < o->prefix_count; j++) {
            if (i != j && slice_has_prefix(bytes_given(o->prefixes[i].data, o->prefixes[i].size),
                                           bytes_given(o->prefixes[j].data, o->prefixes[j].size))) {
                return "a prefix begins with another one";
            }
        }
    }
    return NULL;
}

static size_t bytes_of_prefixes(const struct larder_near_options *o) {
    size_t size = 0;

    for (size_t i = 0; i < o->prefix_count; i++) {
        size += sizeof(struct slice) + o->prefixes[i].size;
    }
    return size;
}

/* All in one piece of memory. */
static struct larder_near *make(const struct larder_near_options *o, const struct larder_allocator *allocator) {
    struct larder_near *near = memory_new(allocator, sizeof(*near) + bytes_of_prefixes(o));
    char *text;

    if (near == NULL) {
        return NULL;
    }
    near->allocator = *allocator;
    near->policy = (struct coherence_policy){
        .keeps = true,
        .mirrored = o->mirror,
        .stale_limit_ns = (o->stale_limit_ms > 0 ? o->stale_limit_ms : DEFAULT_STALE_MS) * CLOCK_NS_PER_MS,
    };
    near->count = o->prefix_count;
    near->prefixes = (struct slice *)(void *)(near + 1);
    text = (char *)(near->prefixes + near->count);
    for (size_t i = 0; i < near->count; i++) {
        struct slice prefix = bytes_given(o->prefixes[i].data, o->prefixes[i].size);

        near->prefixes[i] = slice_make(memcpy(text, prefix.data, prefix.size), prefix.size);
        text += prefix.size;
    }
    return near;
}

static void configure(const struct larder_near *near, const struct larder_near_options *o, struct near_group *groups,
                      struct near_config *ret_config) {
    *ret_config = (struct near_config){
        .watch = o->watch_prefixes ? NEAR_WATCH_PREFIXES : NEAR_WATCH_AUTO,
        .progress = true,
        .groups = groups,
        .group_count = near->count > 0 ? near->count : 1,
        .policy = find_policy,
        .policy_ctx = (void *)(uintptr_t)near,
        .memory = o->memory > 0 ? o->memory : DEFAULT_MEMORY,
        .mirror_memory = o->mirror_memory > 0 ? o->mirror_memory : DEFAULT_MIRROR_MEMORY,
        .watch_memory = WATCH_MEMORY,
    };
    groups[0] = (struct near_group){.prefix = SLICE(""), .policy = near->policy};
    for (size_t i = 0; i < near->count; i++) {
        groups[i] = (struct near_group){.prefix = near->prefixes[i], .policy = near->policy};
    }
}

static enum larder_status open_client(struct larder_near *near, const char *endpoints,
                                      const struct larder_etcd_options *etcd, const struct larder_near_options *options,
                                      char *ret_message) {
    struct near_group *groups = memory_new(&near->allocator, (near->count + 1) * sizeof(*groups));
    struct near_config config;
    enum larder_status status;

    if (groups == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    configure(near, options, groups, &config);
    status = client_new(endpoints, etcd, &config, &near->client, ret_message);
    memory_free(&near->allocator, groups);
    return status;
}

enum larder_status larder_near_new(const char *endpoints, const struct larder_etcd_options *etcd,
                                   const struct larder_near_options *options, struct larder_near **ret_near,
                                   char ret_message[LARDER_MESSAGE_MAX]) {
    static const struct larder_near_options none = {.size = sizeof(none)};
    const struct larder_near_options *o = options != NULL ? options : &none;
    bool own = etcd != NULL && etcd->size == sizeof(*etcd) && etcd->allocator.allocate != NULL;
    struct larder_near *near;
    enum larder_status status;
    const char *why;

    if (o->size == sizeof(*o) && o->prefix_count > LARDER_NEAR_PREFIXES_MAX) {
        return client_say(ret_message, LARDER_ERR_TOO_LARGE, "too many prefixes");
    }
    why = find_contradiction(o);
    if (why != NULL) {
        return client_say(ret_message, LARDER_ERR_INVALID, why);
    }
    near = make(o, own ? &etcd->allocator : &memory_default);
    if (near == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    status = open_client(near, endpoints, etcd, o, ret_message);
    if (status != LARDER_DONE) {
        memory_free(&near->allocator, near);
        return status;
    }
    *ret_near = near;
    return LARDER_DONE;
}

void larder_near_free(struct larder_near *near) {
    struct larder_allocator allocator;

    if (near != NULL) {
        allocator = near->allocator;
        larder_etcd_free(near->client);
        memory_free(&allocator, near);
    }
}

/* What configures the client is not needed any more, so a view is without it. */
enum larder_status larder_near_within(struct larder_near *near, const struct larder_span *parent,
                                      struct larder_near **ret_view) {
    struct larder_near *view = memory_new(&near->allocator, sizeof(*view));
    enum larder_status status = view != NULL ? LARDER_DONE : LARDER_ERR_NO_MEMORY;

    if (status == LARDER_DONE) {
        view->allocator = near->allocator;
        status = larder_etcd_within(near->client, parent, &view->client);
    }
    if (status != LARDER_DONE) {
        memory_free(&near->allocator, view);
        return status;
    }
    *ret_view = view;
    return LARDER_DONE;
}

struct larder_etcd *larder_near_etcd(struct larder_near *near) {
    return near->client;
}

void larder_near_get_figures(struct larder_near *near, struct larder_near_figures *ret_figures) {
    struct near_figures f;

    *ret_figures = (struct larder_near_figures){.keys = 0};
    if (client_is_foreign(near->client) || !near_get_figures(near->client->store, &f)) {
        return;
    }
    ret_figures->memory_reads = f.coherence.memory_reads;
    ret_figures->asked_reads = f.coherence.flight_reads;
    for (size_t i = 0; i < COHERENCE_FALLBACK_COUNT; i++) {
        ret_figures->asked_reads += f.coherence.fallbacks[i];
    }
    ret_figures->rounds = f.coherence.rounds;
    ret_figures->keys = f.keyspace.keys;
    ret_figures->bytes = f.keyspace.bytes;
    ret_figures->evictions = f.keyspace.evictions;
    ret_figures->watch_losses = f.coherence.watch_losses;
    ret_figures->differences = f.coherence.differences;
}
