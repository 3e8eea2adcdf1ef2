/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher.h"

static bool is_wanted(const struct watcher *w, const struct mvcc_change *change) {
    return change->kv.mod_revision > w->after && mvcc_has(&w->what.span, change->kv.key) &&
           !(change->is_delete ? w->what.no_delete : w->what.no_put);
}

/* The next change that is to be told; NULL: there is none up to `revision`. */
static const struct mvcc_change *find_next(struct watcher *w, int64_t revision) {
    const struct mvcc *mvcc = &w->world->cluster.mvcc;

    for (; w->next < mvcc->change_count; w->next++) {
        const struct mvcc_change *change = &mvcc->changes[w->next];

        if (change->kv.mod_revision > revision) {
            return NULL;
        }
        if (is_wanted(w, change)) {
            return change;
        }
    }
    return NULL;
}

static bool is_same(const struct kv *a, const struct kv *b) {
    return slice_equal(a->key, b->key) && slice_equal(a->value, b->value) && a->mod_revision == b->mod_revision &&
           a->create_revision == b->create_revision && a->version == b->version && a->lease == b->lease;
}

static void check_event(struct watcher *w, const struct kv_event *event) {
    const struct mvcc_change *change = find_next(w, INT64_MAX);

    CHECK(w->world, change != NULL, "an event of revision %lld that never was", (long long)event->kv.mod_revision);
    CHECK(w->world, is_same(&event->kv, &change->kv) && (event->kind == KV_EVENT_DELETE) == change->is_delete,
          "told of %.*s at %lld, next is %.*s at %lld", (int)event->kv.key.size, event->kv.key.data,
          (long long)event->kv.mod_revision, (int)change->kv.key.size, change->kv.key.data,
          (long long)change->kv.mod_revision);
    if (w->what.want_previous) {
        CHECK(w->world, event->has_previous == change->has_previous, "previous of revision %lld",
              (long long)event->kv.mod_revision);
        CHECK(w->world, !event->has_previous || is_same(&event->previous, &change->previous),
              "previous of revision %lld", (long long)event->kv.mod_revision);
    }
    w->next++;
    w->events++;
}

static void on_events(void *ctx, const struct kv_event *events, size_t count, int64_t revision) {
    struct watcher *w = ctx;

    CHECK(w->world, !w->has_ended && count > 0, "events after the end, or none");
    CHECK(w->world, w->is_placed, "events before it is known since when");
    for (size_t i = 0; i < count; i++) {
        check_event(w, &events[i]);
    }
    CHECK(w->world, events[count - 1].kv.mod_revision == revision, "revision %lld", (long long)revision);
    CHECK(w->world, find_next(w, revision) == NULL, "half of revision %lld", (long long)revision);
    w->after = revision;
}

static void on_created(void *ctx, int64_t revision) {
    struct watcher *w = ctx;

    CHECK(w->world, !w->has_ended, "created after the end");
    if (!w->is_placed) {
        w->is_placed = true;
        w->after = revision;
    }
}

static void on_progress(void *ctx, int64_t revision) {
    struct watcher *w = ctx;

    CHECK(w->world, !w->has_ended, "progress after the end");
    CHECK(w->world, find_next(w, revision) == NULL, "revision %lld was not told before %lld",
          (long long)w->world->cluster.mvcc.changes[w->next].kv.mod_revision, (long long)revision);
    w->progress++;
}

static void on_lost(void *ctx) {
    struct watcher *w = ctx;

    CHECK(w->world, !w->has_ended, "lost after the end");
    w->lost++;
}

static void on_end(void *ctx, enum store_status status, int64_t compact_revision, struct slice text) {
    struct watcher *w = ctx;

    world_trace(w->world, "watch ends: %s, compacted %lld", store_status_text(status), (long long)compact_revision);
    CHECK(w->world, status == STORE_COMPACTED, "%s: %.*s", store_status_text(status), (int)text.size, text.data);
    CHECK(w->world, compact_revision > w->after + 1 && compact_revision <= w->world->cluster.mvcc.compacted,
          "compacted %lld, told up to %lld", (long long)compact_revision, (long long)w->after);
    w->has_ended = true;
    w->compact_revision = compact_revision;
}

static const struct etcd_watch_events events_told = {on_events, on_created, on_progress, on_lost, on_end};

void watcher_open(struct watcher *w, struct world *world, const struct store_watch *what, bool progress) {
    *w = (struct watcher){.world = world, .what = *what, .is_placed = what->start_revision > 0};
    if (w->is_placed) {
        w->after = what->start_revision - 1;
    }
    w->watch = etcd_watch_open(world->watches, what, progress, &events_told, w);
    sim_must(w->watch != NULL);
}

void watcher_close(struct watcher *w) {
    etcd_watch_close(w->watch);
    w->watch = NULL;
}

void watcher_check_complete(struct watcher *w) {
    if (!w->has_ended) {
        CHECK(w->world, w->is_placed, "the cluster does not know it");
        CHECK(w->world, find_next(w, INT64_MAX) == NULL, "revision %lld was not told",
              (long long)w->world->cluster.mvcc.changes[w->next].kv.mod_revision);
    }
}
