/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <string.h>

#include "store/copy.h"
#include "store/engine.h"

const char *store_status_text(enum store_status status) {
    static const char *const texts[STORE_STATUS_COUNT] = {
        [STORE_OK] = "ok",
#define STATUS(name, text) [STORE_##name] = text,
#include "store/status.def"
#undef STATUS
    };

    return texts[status];
}

void store_call_init(struct store_call *call, void (*done)(struct store_call *call)) {
    memset(call, 0, sizeof(*call));
    call->done = done;
    arena_init(&call->arena, STORE_ANSWER_MAX);
}

void store_call_fini(struct store_call *call) {
    arena_fini(&call->arena);
    call->result = (struct store_result){0};
}

void store_submit(struct store *s, struct store_call *call) {
    s->engine->submit(s, call);
}

struct store_watcher *store_watch_open(struct store *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                       void *ctx, enum store_status *ret_status, int64_t *ret_revision) {
    return s->engine->watch_open(s, watch, wake, ctx, ret_status, ret_revision);
}

void store_watcher_next(struct store_watcher *w, size_t max_bytes, struct store_batch *ret_batch) {
    w->engine->watcher_next(w, max_bytes, ret_batch);
}

bool store_batch_make_room(struct store_batch *batch, size_t *capacity) {
    enum { EVENTS_MIN = 4 };
    size_t more = *capacity == 0 ? EVENTS_MIN : *capacity * 2;
    struct kv_event *events;

    if (batch->count < *capacity) {
        return true;
    }
    events = arena_alloc(&batch->arena, more * sizeof(*events));
    if (events == NULL) {
        return false;
    }
    if (batch->count > 0) {
        memcpy(events, batch->events, batch->count * sizeof(*events));
    }
    batch->events = events;
    *capacity = more;
    return true;
}

void store_batch_fini(struct store_batch *batch) {
    arena_fini(&batch->arena);
    batch->events = NULL;
    batch->count = 0;
}

void store_watcher_close(struct store_watcher *w) {
    w->engine->watcher_close(w);
}

bool store_observe(struct store *s, const struct store_observer *observer, void *ctx) {
    return s->engine->observe(s, observer, ctx);
}

int64_t store_proven_ns(struct store *s) {
    return s->engine->proven_ns(s);
}

int64_t store_revision(const struct store *s) {
    return s->engine->revision(s);
}

enum store_status store_note_get(struct store *s, struct slice name, struct arena *arena, struct slice *ret_value) {
    return s->engine->note_get(s, name, arena, ret_value);
}

enum store_status store_hash_kv(struct store *s, int64_t revision, uint32_t *ret_hash, int64_t *ret_revision,
                                int64_t *ret_compact_revision) {
    return s->engine->hash_kv(s, revision, ret_hash, ret_revision, ret_compact_revision);
}

enum store_status store_hash(struct store *s, uint32_t *ret_hash, int64_t *ret_revision) {
    return s->engine->hash(s, ret_hash, ret_revision);
}

struct store_snapshot *store_snapshot_open(struct store *s, enum store_status *ret_status) {
    return s->engine->snapshot_open(s, ret_status);
}

enum store_status store_snapshot_read(struct store_snapshot *snapshot, char *data, size_t size, size_t *ret_size) {
    return snapshot->engine->snapshot_read(snapshot, data, size, ret_size);
}

uint64_t store_snapshot_size(const struct store_snapshot *snapshot) {
    return snapshot->engine->snapshot_size(snapshot);
}

void store_snapshot_close(struct store_snapshot *snapshot) {
    if (snapshot != NULL) {
        snapshot->engine->snapshot_close(snapshot);
    }
}

void store_get_figures(struct store *s, struct store_figures *ret_figures) {
    s->engine->get_figures(s, ret_figures);
}

void store_close(struct store *s) {
    if (s != NULL) {
        s->engine->close(s);
    }
}
