/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "base/log.h"
#include "cluster/cluster_internal.h"

/* The membership: a list, complete at one revision, and the events that follow it. */

void cluster_view_make_room(struct cluster *c) {
    struct keeper_view *view = NULL;

    if (!keeper_must_clear(c->config.keeper)) {
        return;
    }
    keeper_renew(c->config.keeper, &view);
    c->config.on_clear(c->config.ctx);
    if (view != NULL) {
        keeper_swept(c->config.keeper, view->serial);
    }
    keeper_view_unref(view);
}

void cluster_view_tell(struct cluster *c, bool gap, int64_t now_ns) {
    enum larder_error error;

    if (c->members == NULL) {
        return;
    }
    cluster_view_make_room(c);
    error = keeper_set_membership(c->config.keeper, c->members, c->incarnation, gap || c->broken, now_ns);
    if (error != LARDER_OK && !c->broken) {
        log_error("the ring of nodes cannot be made", log_string("reason", larder_error_text(error)));
    }
    c->broken = error != LARDER_OK;
    if (!c->broken) {
        c->config.on_change(c->config.ctx);
    }
}

void cluster_view_lose(struct cluster *c, const char *why) {
    if (c->watcher != NULL) {
        store_watcher_close(c->watcher);
        c->watcher = NULL;
    }
    if (c->listed) {
        log_warn("the nodes of the cluster are listed anew", log_string("reason", why));
    }
    c->listed = false;
    c->proven_ns = INT64_MIN;
    keeper_set_authority(c->config.keeper, INT64_MIN, INT64_MIN);
}

static void replace(struct cluster *c, struct membership *members) {
    c->counting.changes += c->members != NULL && c->members->digest != members->digest;
    membership_unref(c->members);
    c->members = members;
}

void cluster_view_raise(struct cluster *c, int64_t revision, int64_t now_ns) {
    struct membership *members;
    size_t bad = 0;

    if (revision <= c->members->revision) {
        return;
    }
    if (membership_apply(c->members, c->keys.nodes.key, NULL, 0, revision, &members, &bad) == LARDER_OK) {
        replace(c, members);
        cluster_view_tell(c, false, now_ns);
    }
}

/* --- the list --- */

static void ask_list(struct cluster *c, int64_t now_ns) {
    struct store_op *ops = c->calls[CALL_LIST].ops;

    ops[0] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = c->keys.nodes, .direct = true}};
    ops[1] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = c->keys.purges, .direct = true}};
    cluster_call_txn(c, CALL_LIST, 2, false, 0, now_ns);
}

/* Any thread. */
static void on_watch(void *ctx) {
    struct cluster *c = ctx;

    if (!atomic_exchange_explicit(&c->woken, true, memory_order_acq_rel)) {
        c->config.wake(c->config.ctx);
    }
}

static enum store_status open_watcher(struct cluster *c, int64_t revision) {
    const struct store_watch watch = {.span = c->keys.all, .start_revision = revision + 1};
    enum store_status status = STORE_OK;

    c->watcher = store_watch_open(c->config.store, &watch, on_watch, c, &status, NULL);
    atomic_store(&c->woken, true);
    return c->watcher != NULL ? STORE_OK : status;
}

static void take_purges(struct cluster *c, const struct store_result *purges) {
    int64_t number = 0;

    for (size_t i = 0; i < purges->kv_count; i++) {
        number = purges->kvs[i].mod_revision > number ? purges->kvs[i].mod_revision : number;
    }
    c->purge_number = number;
    c->keeper_number = number > c->keeper_number ? number : c->keeper_number;
}

/* What this node had before the first list is nothing; what it had before a later one may be anything. */
static void begin_anew(struct cluster *c, int64_t now_ns) {
    cluster_view_make_room(c);
    c->broken = keeper_purge(c->config.keeper, KEEPER_GROUPS, c->keeper_number) != LARDER_OK || c->broken;
    cluster_view_tell(c, true, now_ns);
    if (c->listed_before) {
        c->config.on_clear(c->config.ctx);
    }
    c->listed_before = true;
}

static enum larder_error take_list(struct cluster *c, const struct store_call *call, int64_t now_ns) {
    const struct store_result *results = call->result.results;
    struct membership *members;
    size_t bad = 0;
    enum larder_error error =
        membership_read(c->keys.nodes.key, results[0].kvs, results[0].kv_count, call->revision, &members, &bad);

    if (error != LARDER_OK) {
        return error;
    }
    c->counting.bad_records += bad;
    replace(c, members);
    c->node_keys = (int64_t)results[0].kv_count;
    take_purges(c, &results[1]);
    c->listed = true;
    c->proven_ns = c->calls[CALL_LIST].sent_ns;
    begin_anew(c, now_ns);
    return LARDER_OK;
}

void cluster_list_answered(struct cluster *c, struct store_call *call, int64_t now_ns) {
    const char *why = store_status_text(call->status);
    enum store_status status = call->status;
    enum larder_error error = LARDER_OK;

    if (status == STORE_OK) {
        status = open_watcher(c, call->revision);
        why = store_status_text(status);
    }
    if (status == STORE_OK) {
        error = take_list(c, call, now_ns);
        why = larder_error_text(error);
    }
    if (status != STORE_OK || error != LARDER_OK) {
        log_warn("the nodes of the cluster cannot be listed", log_string("reason", why));
        cluster_view_lose(c, why);
        cluster_call_again(c, CALL_LIST, now_ns);
    }
}

/* --- the events --- */

static bool is_of(const struct store_span *span, const struct kv_event *event) {
    return slice_has_prefix(event->kv.key, span->key);
}

/* Of one revision, `count` of them. A transaction of somebody may change several nodes at once; nothing is left out then. */
static bool take_nodes(struct cluster *c, const struct kv_event *events, size_t count, int64_t now_ns) {
    struct membership *members;
    size_t bad = 0;

    if (events[0].kv.mod_revision <= c->members->revision) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_of(&c->keys.nodes, &events[i])) {
            c->node_keys += events[i].kind == KV_EVENT_DELETE ? -1 : events[i].kv.version == 1;
        }
    }
    if (membership_apply(c->members, c->keys.nodes.key, events, count, events[0].kv.mod_revision, &members, &bad) !=
        LARDER_OK) {
        return false;
    }
    c->counting.bad_records += bad;
    replace(c, members);
    cluster_view_tell(c, false, now_ns);
    c->wants_survey = true;
    return true;
}

static bool take_revision(struct cluster *c, const struct kv_event *events, size_t count, int64_t now_ns) {
    size_t nodes = 0;

    for (size_t i = 0; i < count; i++) {
        if (is_of(&c->keys.purges, &events[i]) && events[i].kind == KV_EVENT_PUT) {
            cluster_purge_apply(c, &events[i].kv);
        }
        c->wants_survey = c->wants_survey || is_of(&c->keys.applied, &events[i]);
        nodes += is_of(&c->keys.nodes, &events[i]);
    }
    /* Those of nodes stand together, as all of a revision stand in the order of their keys, or all of them are of nodes. */
    for (size_t i = 0; nodes > 0 && i < count; i++) {
        if (is_of(&c->keys.nodes, &events[i])) {
            return take_nodes(c, events + i, nodes, now_ns);
        }
    }
    return true;
}

static bool take_events(struct cluster *c, const struct store_batch *batch, int64_t now_ns) {
    for (size_t i = 0, end; i < batch->count; i = end) {
        end = i + 1;
        while (end < batch->count && batch->events[end].kv.mod_revision == batch->events[i].kv.mod_revision) {
            end++;
        }
        if (!take_revision(c, batch->events + i, end - i, now_ns)) {
            return false;
        }
    }
    return true;
}

static void read_watcher(struct cluster *c, int64_t now_ns) {
    struct store_batch batch;
    bool more = true;

    while (more && c->watcher != NULL) {
        const char *why = NULL;

        store_watcher_next(c->watcher, WATCH_BYTES, &batch);
        more = batch.more;
        if (batch.status != STORE_OK) {
            why = store_status_text(batch.status);
        } else if (!take_events(c, &batch, now_ns)) {
            why = larder_error_text(LARDER_ERROR_NO_MEMORY);
        } else if (c->fresh.first != NULL || c->asking.first != NULL) {
            cluster_view_raise(c, batch.revision, now_ns);
        }
        if (batch.count > 0) {
            c->calls[CALL_CHECK].due_ns = c->proven_ns == INT64_MIN ? now_ns : c->calls[CALL_CHECK].due_ns;
        }
        store_batch_fini(&batch);
        if (why != NULL) {
            cluster_view_lose(c, why);
            c->calls[CALL_LIST].due_ns = now_ns;
        }
    }
}

void cluster_view_run(struct cluster *c, int64_t now_ns) {
    if (!c->listed && cluster_call_can(c, CALL_LIST, now_ns)) {
        ask_list(c, now_ns);
    }
    if (atomic_exchange_explicit(&c->woken, false, memory_order_acq_rel)) {
        read_watcher(c, now_ns);
    }
    if (c->broken && c->listed) {
        cluster_view_tell(c, true, now_ns);
    }
    if (c->listed) {
        cluster_wait_look(c);
    }
}
