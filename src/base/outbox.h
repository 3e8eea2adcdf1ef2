/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_OUTBOX_H
#define LARDER_BASE_OUTBOX_H

#include <stddef.h>
#include <sys/uio.h>

#include "base/blob.h"
#include "base/buf.h"

/* Bytes on their way out, in order: copied ones, and between them slices of blobs that are sent from where they lie. */
struct outbox {
    struct buf bytes;
    struct outbox_ref *refs;
    size_t ref_count;
    size_t ref_capacity;
    size_t ref_bytes;    /* in refs, unsent or sent */
    size_t sent;         /* of what is still here, copied and referenced */
    struct outbox *next; /* free for the owner's list */
};

/* A slice that belongs before the copied byte `at`. */
struct outbox_ref {
    size_t at;
    struct slice slice;
    struct blob *blob;
};

/* Holds at most `limit` copied bytes. */
void outbox_init(struct outbox *o, size_t limit);

/* Drops what is unsent and frees everything. */
void outbox_fini(struct outbox *o);

/* Drops what is unsent; keeps at most `keep` bytes of memory for the next use. */
void outbox_clear(struct outbox *o, size_t keep);

/* Bytes not yet sent. */
static inline size_t outbox_pending(const struct outbox *o) {
    return o->bytes.size + o->ref_bytes - o->sent;
}

/* Room for `size` bytes at the end, to be filled and then outbox_commit-ted. NULL: over the limit or out of memory. */
static inline char *outbox_reserve(struct outbox *o, size_t size) {
    return buf_reserve(&o->bytes, size) == LARDER_OK ? o->bytes.data + o->bytes.size : NULL;
}

static inline void outbox_commit(struct outbox *o, size_t size) {
    o->bytes.size += size;
}

/* Errors: LIMIT, NO_MEMORY; nothing is added then. */
static inline enum larder_error outbox_append(struct outbox *o, struct slice s) {
    return buf_append_slice(&o->bytes, s);
}

/* Adds a slice of the blob by taking a reference. Errors: NO_MEMORY. */
enum larder_error outbox_append_blob(struct outbox *o, struct blob *blob, struct slice s);

/* Fills up to `max` pieces, at least 2, with the next unsent bytes; returns how many. */
int outbox_pieces(const struct outbox *o, struct iovec *pieces, int max);

/* Notes that the next `size` bytes are sent, and lets go of blobs that are through. */
void outbox_sent(struct outbox *o, size_t size);

#endif
