/* SPDX-License-Identifier: Apache-2.0 */
#include "base/outbox.h"

#include <stdint.h>
#include <stdlib.h>

enum { DROP_SENT_FROM = 64 << 10 /* bytes sent before it is worth moving what is left to the front */ };

void outbox_init(struct outbox *o, size_t limit) {
    *o = (struct outbox){0};
    buf_init(&o->bytes, limit);
}

static void release_refs(struct outbox *o) {
    for (size_t i = 0; i < o->ref_count; i++) {
        if (o->refs[i].blob != NULL) {
            blob_unref(o->refs[i].blob);
        }
    }
    o->ref_count = 0;
    o->ref_bytes = 0;
}

void outbox_fini(struct outbox *o) {
    release_refs(o);
    free(o->refs);
    buf_fini(&o->bytes);
    outbox_init(o, o->bytes.limit);
}

void outbox_clear(struct outbox *o, size_t keep) {
    if (o->ref_count > 0) {
        release_refs(o);
    }
    if (o->bytes.capacity > keep || o->ref_capacity * sizeof(*o->refs) > keep) {
        outbox_fini(o);
        return;
    }
    o->bytes.size = 0;
    o->sent = 0;
}

enum larder_error outbox_append_blob(struct outbox *o, struct blob *blob, struct slice s) {
    if (o->ref_count == o->ref_capacity) {
        size_t capacity = o->ref_capacity == 0 ? 4 : o->ref_capacity * 2;
        struct outbox_ref *refs = realloc(o->refs, capacity * sizeof(*refs));

        if (refs == NULL) {
            return LARDER_ERROR_NO_MEMORY;
        }
        o->refs = refs;
        o->ref_capacity = capacity;
    }
    blob_ref(blob);
    o->refs[o->ref_count++] = (struct outbox_ref){.at = o->bytes.size, .slice = s, .blob = blob};
    o->ref_bytes += s.size;
    return LARDER_OK;
}

/* Adds what of the piece lies behind the first `*skip` bytes. */
static int add_piece(struct iovec *pieces, int count, const char *data, size_t size, size_t *skip) {
    if (size <= *skip) {
        *skip -= size;
        return count;
    }
    pieces[count].iov_base = (char *)(uintptr_t)(data + *skip);
    pieces[count].iov_len = size - *skip;
    *skip = 0;
    return count + 1;
}

int outbox_pieces(const struct outbox *o, struct iovec *pieces, int max) {
    size_t skip = o->sent;
    size_t at = 0;
    int count = 0;

    assert(max >= 2);
    for (size_t i = 0; i < o->ref_count; i++) {
        const struct outbox_ref *ref = &o->refs[i];

        if (count + 2 > max) {
            return count;
        }
        if (ref->at > at) { /* there may be no copied bytes at all */
            count = add_piece(pieces, count, o->bytes.data + at, ref->at - at, &skip);
        }
        count = add_piece(pieces, count, ref->slice.data, ref->slice.size, &skip);
        at = ref->at;
    }
    if (count < max && o->bytes.size > at) {
        count = add_piece(pieces, count, o->bytes.data + at, o->bytes.size - at, &skip);
    }
    return count;
}

/* Drops the first `refs` references, all of them sent, and the copied bytes up to where `sent` stands. */
static void drop_sent(struct outbox *o, size_t refs, size_t referenced) {
    size_t copied = o->sent - referenced;

    if (refs < o->ref_count && copied > o->refs[refs].at) {
        copied = o->refs[refs].at; /* the next reference is sent in part */
    }
    buf_consume(&o->bytes, copied);
    o->ref_count -= refs;
    for (size_t i = 0; i < o->ref_count; i++) {
        o->refs[i] = o->refs[i + refs];
        o->refs[i].at -= copied;
    }
    o->ref_bytes -= referenced;
    o->sent -= copied + referenced;
}

void outbox_sent(struct outbox *o, size_t size) {
    size_t referenced = 0; /* in references that are sent whole */
    size_t refs = 0;

    assert(size <= outbox_pending(o));
    o->sent += size;
    while (refs < o->ref_count && o->refs[refs].at + referenced + o->refs[refs].slice.size <= o->sent) {
        referenced += o->refs[refs].slice.size;
        if (o->refs[refs].blob != NULL) {
            blob_unref(o->refs[refs].blob);
            o->refs[refs].blob = NULL;
        }
        refs++;
    }
    /* A reader that never takes the last byte must not make the outbox grow; more was sent than is moved. */
    if (o->sent >= DROP_SENT_FROM && o->sent >= outbox_pending(o)) {
        drop_sent(o, refs, referenced);
    }
}
