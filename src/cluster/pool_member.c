/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/pool_member.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/pool_internal.h"

/* The pool: a list, complete at one revision, and the events that follow it. */

enum { WATCH_BYTES = 1 << 20 /* of events at a time */ };

static const int64_t CALL_NS = POOL_MEMBER_LEASE_S * CLOCK_NS_PER_S;
static const int64_t RETRY_NS = CLOCK_NS_PER_S;

void pool_call_start(struct pool_member *m, enum pool_call kind, struct store_op op, int64_t now_ns) {
    machine_call_start(&m->calls[kind], m->config.store, op, now_ns + CALL_NS, now_ns);
}

void pool_call_again(struct pool_member *m, enum pool_call kind, int64_t now_ns) {
    m->calls[kind].due_ns = now_ns + RETRY_NS;
}

/* Another one of the same effect is not told. */
static void replace(struct pool_member *m, struct groupcache_pool *pool) {
    bool same = m->pool != NULL && groupcache_pool_is_same(m->pool, pool);

    groupcache_pool_unref(m->pool);
    m->pool = pool;
    if (!same) {
        log_info("the members of a pool", log_slice("group", m->config.group),
                 log_number("count", (int64_t)pool->count), log_number("revision", pool->revision));
        m->config.on_pool(m->config.ctx, groupcache_pool_ref(pool));
    }
}

static void tell_refused(const struct pool_member *m, const struct groupcache_refused *refused) {
    char key[SLICE_ESCAPED_MAX], value[SLICE_ESCAPED_MAX];

    if (refused->count > 0) {
        log_warn("a key below a pool's prefix is no member's", log_slice("group", m->config.group),
                 log_string("key", slice_escape(refused->key, key)),
                 log_string("value", slice_escape(refused->value, value)), log_string("reason", refused->reason),
                 log_number("count", (int64_t)refused->count));
    }
}

static void lose(struct pool_member *m, const char *why) {
    if (m->watcher != NULL) {
        store_watcher_close(m->watcher);
        m->watcher = NULL;
    }
    log_warn("the members of a pool are to be listed anew", log_slice("group", m->config.group),
             log_string("reason", why));
    m->listed = false;
}

/* --- the list --- */

static void ask_list(struct pool_member *m, int64_t now_ns) {
    const struct store_op op = {.kind = STORE_OP_RANGE, .range = {.span = m->span, .direct = true}};

    pool_call_start(m, POOL_CALL_LIST, op, now_ns);
}

/* Any thread. */
static void on_watch(void *ctx) {
    struct pool_member *m = ctx;

    if (!atomic_exchange_explicit(&m->woken, true, memory_order_acq_rel)) {
        m->config.wake(m->config.ctx);
    }
}

static enum store_status open_watcher(struct pool_member *m, int64_t revision) {
    const struct store_watch watch = {.span = m->span, .start_revision = revision + 1};
    enum store_status status = STORE_OK;

    m->watcher = store_watch_open(m->config.store, &watch, on_watch, m, &status, NULL);
    atomic_store(&m->woken, true);
    return m->watcher != NULL ? STORE_OK : status;
}

static const char *take_list(struct pool_member *m, const struct store_call *call) {
    struct groupcache_refused refused = {0};
    struct groupcache_pool *pool;
    enum store_status status = call->status;
    enum larder_error error;

    if (status == STORE_OK) {
        status = open_watcher(m, call->revision);
    }
    if (status != STORE_OK) {
        return store_status_text(status);
    }
    error = groupcache_pool_read(call->result.kvs, call->result.kv_count, call->revision, m->config.self,
                                 m->config.replicas, &pool, &refused);
    if (error != LARDER_OK) {
        return larder_error_text(error);
    }
    tell_refused(m, &refused);
    replace(m, pool);
    m->listed = true;
    return NULL;
}

static void list_answered(struct pool_member *m, struct store_call *call, int64_t now_ns) {
    const char *problem = take_list(m, call);

    if (problem != NULL) {
        lose(m, problem);
        pool_call_again(m, POOL_CALL_LIST, now_ns);
    } else {
        pool_record_look(m, now_ns);
    }
}

/* --- the events --- */

static const char *take_batch(struct pool_member *m, const struct store_batch *batch) {
    struct groupcache_refused refused = {0};
    struct groupcache_pool *pool;
    enum larder_error error;

    if (batch->status != STORE_OK) {
        return store_status_text(batch->status);
    }
    error = groupcache_pool_apply(m->pool, batch->events, batch->count, batch->revision, &pool, &refused);
    if (error != LARDER_OK) {
        return larder_error_text(error);
    }
    tell_refused(m, &refused);
    replace(m, pool);
    return NULL;
}

static void read_watcher(struct pool_member *m, int64_t now_ns) {
    struct store_batch batch;
    bool more = true;

    while (more && m->watcher != NULL) {
        const char *problem;

        store_watcher_next(m->watcher, WATCH_BYTES, &batch);
        more = batch.more;
        problem = take_batch(m, &batch);
        store_batch_fini(&batch);
        if (problem != NULL) {
            lose(m, problem);
            m->calls[POOL_CALL_LIST].due_ns = now_ns;
        }
    }
    pool_record_look(m, now_ns);
}

/* --- running --- */

static pool_answer_fn *const answers[POOL_CALL_COUNT] = {
    [POOL_CALL_LIST] = list_answered,          [POOL_CALL_GRANT] = pool_grant_answered,
    [POOL_CALL_RENEW] = pool_renew_answered,   [POOL_CALL_PUT] = pool_put_answered,
    [POOL_CALL_REVOKE] = pool_revoke_answered,
};

int64_t pool_member_tick(struct pool_member *m, int64_t now_ns) {
    const struct machine_call *list = &m->calls[POOL_CALL_LIST];
    int64_t due_ns;

    if (m->stopped) {
        return INT64_MAX;
    }
    for (unsigned kind = 0; kind < POOL_CALL_COUNT; kind++) {
        if (machine_call_take(&m->calls[kind])) {
            answers[kind](m, &m->calls[kind].call, now_ns);
        }
    }
    if (!m->listed && machine_call_can(list, now_ns)) {
        ask_list(m, now_ns);
    }
    if (atomic_exchange_explicit(&m->woken, false, memory_order_acq_rel)) {
        read_watcher(m, now_ns);
    }
    pool_record_run(m, now_ns);
    due_ns = pool_record_due(m);
    return !m->listed && !list->under_way && list->due_ns < due_ns ? list->due_ns : due_ns;
}

/* --- the beginning and the end --- */

/* What follows "://". */
static struct slice name_of(struct slice url) {
    const char *colon = memchr(url.data, ':', url.size);

    return slice_skip(url, (size_t)(colon - url.data) + sizeof("://") - 1);
}

static struct slice put(char **place, struct slice bytes) {
    struct slice copy = slice_make(*place, bytes.size);

    memcpy(*place, bytes.data, bytes.size);
    *place += bytes.size;
    return copy;
}

/* The prefix ends in '/', so what ends it differs in the last byte. */
static bool copy_texts(struct pool_member *m, const struct pool_member_config *config) {
    struct slice name = name_of(config->self);
    size_t size = 3 * config->prefix.size + name.size + config->self.size + config->group.size;
    char *place = m->bytes = malloc(size);

    if (place == NULL) {
        return false;
    }
    m->config = *config;
    m->config.group = put(&place, config->group);
    m->config.self = put(&place, config->self);
    m->own_key = slice_make(place, config->prefix.size + name.size);
    put(&place, config->prefix);
    put(&place, name);
    m->span.key = put(&place, config->prefix);
    m->span.range_end = put(&place, config->prefix);
    place[-1] = '/' + 1;
    m->config.prefix = m->span.key;
    return true;
}

enum larder_error pool_member_new(const struct pool_member_config *config, struct pool_member **ret_member) {
    struct pool_member *m = calloc(1, sizeof(*m));

    if (m == NULL || !copy_texts(m, config)) {
        free(m);
        return LARDER_ERROR_NO_MEMORY;
    }
    for (unsigned kind = 0; kind < POOL_CALL_COUNT; kind++) {
        machine_call_init(&m->calls[kind], config->wake, config->ctx);
    }
    *ret_member = m;
    return LARDER_OK;
}

void pool_member_stop(struct pool_member *m) {
    if (m->watcher != NULL) {
        store_watcher_close(m->watcher);
        m->watcher = NULL;
    }
    m->stopped = true;
}

void pool_member_free(struct pool_member *m) {
    if (m == NULL) {
        return;
    }
    for (unsigned kind = 0; kind < POOL_CALL_COUNT; kind++) {
        machine_call_fini(&m->calls[kind]);
    }
    groupcache_pool_unref(m->pool);
    free(m->bytes);
    free(m);
}
