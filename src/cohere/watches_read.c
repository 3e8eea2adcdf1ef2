/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/watches_internal.h"
#include "store/copy.h"
#include "store/span.h"

enum {
    SCANNED_MAX = 4096, /* events that one call looks at, so that it is short also where few are wanted */
};

/* A reading that goes on. */
struct reading {
    const struct store_watch *watch;
    struct store_batch *batch;
    size_t capacity; /* of batch->events */
    size_t bytes;
    size_t max_bytes;
    size_t scanned;
    int64_t to;
    bool cut;  /* between two revisions, for it is enough */
    bool done; /* what comes next is behind `to` */
};

static bool copy_kv(struct reading *r, const struct kv *kv, struct kv *ret_copy) {
    r->bytes += kv->key.size + kv->value.size;
    return store_kv_copy(&r->batch->arena, kv, ret_copy);
}

static bool add_event(struct reading *r, const struct kv_event *event) {
    struct kv_event *copy;

    if (!store_batch_make_room(r->batch, &r->capacity)) {
        return false;
    }
    copy = &r->batch->events[r->batch->count++];
    *copy = (struct kv_event){.kind = event->kind};
    if (!copy_kv(r, &event->kv, &copy->kv)) {
        return false;
    }
    copy->has_previous = r->watch->want_previous && event->has_previous;
    return !copy->has_previous || copy_kv(r, &event->previous, &copy->previous);
}

static bool wants(const struct reading *r, const struct kv_event *event) {
    return !(event->kind == KV_EVENT_PUT ? r->watch->no_put : r->watch->no_delete) &&
           store_span_contains(&r->watch->span, event->kv.key);
}

/* Between two revisions: whether the next one is still to be read. */
static bool go_on(struct reading *r, int64_t revision) {
    if (revision != r->batch->revision) {
        r->done = revision > r->to;
        r->cut = !r->done && r->scanned > 0 && (r->bytes >= r->max_bytes || r->scanned >= SCANNED_MAX);
        if (r->done || r->cut) {
            return false;
        }
        r->batch->revision = revision;
    }
    r->scanned++;
    return true;
}

/* False: no memory. */
static bool read_piece(struct reading *r, const struct history_piece *piece) {
    for (size_t i = piece->at; i < piece->end; i++) {
        const struct kv_event *event = &piece->chunk->events[i];

        if (!go_on(r, event->kv.mod_revision)) {
            return true;
        }
        if (wants(r, event) && !add_event(r, event)) {
            return false;
        }
    }
    return true;
}

/* The next piece is looked for under the lock and read without it; meanwhile others may be forgotten, or all of them void. */
static bool find(const struct watches_watcher *w, int64_t revision, struct history_piece *ret_piece,
                 bool *ret_forgotten) {
    struct watches *watches = w->watches;
    bool found;

    pthread_mutex_lock(&watches->set.lock);
    *ret_forgotten = w->era != watches->era || revision <= watches->history.floor;
    found = !*ret_forgotten && history_find(&watches->history, revision, ret_piece);
    pthread_mutex_unlock(&watches->set.lock);
    return found;
}

enum store_status watches_read(struct watches_watcher *w, int64_t from, int64_t to, size_t max_bytes,
                               struct store_batch *batch) {
    struct reading r = {.watch = &w->entry.watch, .batch = batch, .max_bytes = max_bytes, .to = to};
    struct history_piece piece;
    bool forgotten = false;

    batch->revision = from - 1; /* all that was read is whole: a revision is in one piece */
    while (!r.cut && !r.done && batch->revision < to && find(w, batch->revision + 1, &piece, &forgotten)) {
        bool good = read_piece(&r, &piece);

        blob_unref(&piece.chunk->blob);
        if (!good) {
            return STORE_NO_MEMORY;
        }
    }
    batch->more = r.cut || forgotten;
    batch->revision = batch->more ? batch->revision : to;
    return STORE_OK;
}
