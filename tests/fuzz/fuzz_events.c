/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events, as the tool reads them: in one piece, and again byte by byte. Both must see the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/http/events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append(struct buf *seen, struct slice s) {
    assert(s.size == 0 || s.data != NULL);
    assert(buf_append_slice(seen, s) == LARDER_OK && buf_append(seen, "/", 1) == LARDER_OK);
}

static bool note(void *ctx, const struct event *event) {
    append(ctx, event->name);
    append(ctx, event->id);
    append(ctx, event->data);
    return true;
}

static enum larder_error read_events(const char *data, size_t size, size_t step, struct buf *seen) {
    enum larder_error error = LARDER_OK;
    struct events events;

    events_init(&events);
    for (size_t at = 0; at < size && error == LARDER_OK; at += step) {
        size_t piece = size - at < step ? size - at : step;
        char *exact = malloc(piece);

        assert(exact != NULL);
        memcpy(exact, data + at, piece);
        error = events_feed(&events, slice_make(exact, piece), note, seen);
        free(exact);
    }
    events_fini(&events);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf whole, bytes;

    buf_init(&whole, SIZE_MAX);
    buf_init(&bytes, SIZE_MAX);
    assert(read_events((const char *)data, size, size + 1, &whole) == read_events((const char *)data, size, 1, &bytes));
    assert(slice_equal(buf_slice(&whole), buf_slice(&bytes)));
    buf_fini(&whole);
    buf_fini(&bytes);
    return 0;
}
