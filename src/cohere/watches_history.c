/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/watches_history.h"

#include <stdlib.h>

enum {
    CHUNK_MAX = 64 << 10, /* bytes of a chunk, unless one revision takes more */
    CHUNK_MIN = 512,
    CHUNKS_MIN = 16, /* so many fit below a small limit */
};

bool history_init(struct history *h, size_t limit) {
    size_t size = limit / CHUNKS_MIN;

    *h = (struct history){.limit = limit};
    h->chunk_size = size > CHUNK_MAX ? CHUNK_MAX : size < CHUNK_MIN ? CHUNK_MIN : size;
    h->ring_size = limit / h->chunk_size + 1;
    h->ring = calloc(h->ring_size, sizeof(struct history_chunk *));
    return h->ring != NULL;
}

void history_release(struct history_chunk *chunks) {
    while (chunks != NULL) {
        struct history_chunk *chunk = chunks;

        chunks = chunk->next;
        blob_unref(&chunk->blob);
    }
}

void history_fini(struct history *h) {
    history_release(h->fresh);
    h->fresh = NULL;
    history_release(history_forget(h, 0));
    free(h->ring);
}

/* --- appending --- */

static void free_chunk(struct blob *blob) {
    free(blob);
}

static size_t bytes_of(const struct kv *kv) {
    return kv->key.size + kv->value.size;
}

static size_t size_of(const struct kv_event *event) {
    return sizeof(*event) + bytes_of(&event->kv) + (event->has_previous ? bytes_of(&event->previous) : 0);
}

/* How many of the events are the first revision. */
static size_t revision_of(const struct kv_event *events, size_t count, size_t *ret_size) {
    size_t i = 0;

    *ret_size = 0;
    for (; i < count && events[i].kv.mod_revision == events[0].kv.mod_revision; i++) {
        *ret_size += size_of(&events[i]);
    }
    return i;
}

/* Opens a chunk that has room for `size` bytes. False: it cannot be kept. */
static bool open_chunk(struct history *h, size_t size) {
    struct history_chunk *before = h->fresh != NULL ? h->open : NULL;
    struct history_chunk *chunk;

    size += sizeof(*chunk);
    size = size < h->chunk_size ? h->chunk_size : size;
    chunk = size <= h->limit ? malloc(size) : NULL;
    if (chunk == NULL) {
        return false;
    }
    *chunk = (struct history_chunk){.size = size, .room = size - sizeof(*chunk)};
    blob_init(&chunk->blob, free_chunk);
    if (before != NULL) {
        before->next = chunk;
    } else {
        h->fresh = chunk;
    }
    h->open = chunk;
    return true;
}

static struct slice keep_bytes(struct history_chunk *chunk, struct slice s) {
    char *place;

    chunk->filled_bytes += s.size;
    place = (char *)chunk + chunk->size - chunk->filled_bytes;
    if (s.size > 0) {
        memcpy(place, s.data, s.size);
    }
    return slice_make(place, s.size);
}

static void keep_kv(struct history_chunk *chunk, const struct kv *kv, struct kv *ret_kv) {
    *ret_kv = *kv;
    ret_kv->key = keep_bytes(chunk, kv->key);
    ret_kv->value = keep_bytes(chunk, kv->value);
}

static void keep_event(struct history_chunk *chunk, const struct kv_event *event) {
    struct kv_event *kept = &chunk->events[chunk->filled++];

    *kept = (struct kv_event){.kind = event->kind, .has_previous = event->has_previous};
    keep_kv(chunk, &event->kv, &kept->kv);
    if (event->has_previous) {
        keep_kv(chunk, &event->previous, &kept->previous);
    }
    chunk->room -= size_of(event);
    chunk->filled_to = event->kv.mod_revision;
}

void history_append(struct history *h, const struct kv_event *events, size_t count) {
    while (count > 0) {
        size_t size;
        size_t taken = revision_of(events, count, &size);

        if ((h->open != NULL && h->open->room >= size) || open_chunk(h, size)) {
            for (size_t i = 0; i < taken; i++) {
                keep_event(h->open, &events[i]);
            }
        } else {
            /* It is not to be had, so neither is what was before. */
            history_release(h->fresh);
            h->fresh = NULL;
            h->open = NULL;
            h->lost = events[0].kv.mod_revision;
        }
        events += taken;
        count -= taken;
    }
}

/* --- publishing --- */

static struct history_chunk *chunk_at(const struct history *h, size_t i) {
    return h->ring[(h->first + i) % h->ring_size];
}

/* The oldest one. */
static struct history_chunk *take_oldest(struct history *h) {
    struct history_chunk *chunk = chunk_at(h, 0);

    h->first = (h->first + 1) % h->ring_size;
    h->count--;
    h->bytes -= chunk->size;
    h->events -= chunk->count;
    h->floor = chunk->last;
    return chunk;
}

struct history_chunk *history_forget(struct history *h, int64_t floor) {
    struct history_chunk *gone = NULL;

    while (h->count > 0) {
        struct history_chunk *chunk = take_oldest(h);

        chunk->next = gone;
        gone = chunk;
    }
    if (h->fresh == NULL) {
        h->open = NULL;
    }
    h->floor = floor;
    return gone;
}

static void publish_chunk(struct history *h, struct history_chunk *chunk) {
    h->events += chunk->filled - chunk->count;
    chunk->count = chunk->filled;
    chunk->last = chunk->filled_to;
}

/* The oldest ones go until there is room for `size` bytes. */
static struct history_chunk *make_room(struct history *h, size_t size, struct history_chunk *gone) {
    while (h->bytes + size > h->limit) {
        struct history_chunk *chunk = take_oldest(h);

        chunk->next = gone;
        gone = chunk;
    }
    return gone;
}

struct history_chunk *history_publish(struct history *h) {
    struct history_chunk *gone = NULL;

    if (h->lost != 0) {
        gone = history_forget(h, h->lost);
        h->lost = 0;
    } else if (h->count > 0) {
        publish_chunk(h, chunk_at(h, h->count - 1));
    }
    while (h->fresh != NULL) {
        struct history_chunk *chunk = h->fresh;

        h->fresh = chunk->next;
        chunk->next = NULL;
        gone = make_room(h, chunk->size, gone);
        h->ring[(h->first + h->count++) % h->ring_size] = chunk;
        h->bytes += chunk->size;
        publish_chunk(h, chunk);
    }
    return gone;
}

/* --- finding --- */

/* The first event of the chunk at or behind `revision`. */
static size_t event_at(const struct history_chunk *chunk, int64_t revision) {
    size_t low = 0;
    size_t high = chunk->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (chunk->events[middle].kv.mod_revision < revision) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool history_find(const struct history *h, int64_t revision, struct history_piece *ret_piece) {
    size_t low = 0;
    size_t high = h->count;
    struct history_chunk *chunk;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (chunk_at(h, middle)->last < revision) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == h->count) {
        return false;
    }
    chunk = chunk_at(h, low);
    blob_ref(&chunk->blob);
    *ret_piece = (struct history_piece){.chunk = chunk, .at = event_at(chunk, revision), .end = chunk->count};
    return true;
}

int64_t history_first(const struct history *h) {
    return h->count > 0 ? chunk_at(h, 0)->events[0].kv.mod_revision : 0;
}
