/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http/events.h"

#include <string.h>

enum { SHORT_MAX = 1024 /* bytes of a name and of an id */ };

void events_init(struct events *e) {
    *e = (struct events){.has_data = false};
    buf_init(&e->line, EVENTS_DATA_MAX);
    buf_init(&e->data, EVENTS_DATA_MAX);
    buf_init(&e->name, SHORT_MAX);
    buf_init(&e->id, SHORT_MAX);
}

void events_fini(struct events *e) {
    buf_fini(&e->line);
    buf_fini(&e->data);
    buf_fini(&e->name);
    buf_fini(&e->id);
}

void events_reset(struct events *e) {
    e->line.size = e->data.size = e->name.size = e->id.size = 0;
    e->has_data = e->after_cr = e->began = false;
}

static enum larder_error set(struct buf *b, struct slice value) {
    b->size = 0;
    return buf_append_slice(b, value);
}

static enum larder_error take_field(struct events *e, struct slice name, struct slice value) {
    enum larder_error error = LARDER_OK;

    if (slice_equal(name, SLICE("data"))) {
        error = e->has_data ? buf_append(&e->data, "\n", 1) : LARDER_OK;
        e->has_data = true;
        return error == LARDER_OK ? buf_append_slice(&e->data, value) : error;
    }
    if (slice_equal(name, SLICE("event"))) {
        return set(&e->name, value);
    }
    if (slice_equal(name, SLICE("id")) && (value.size == 0 || memchr(value.data, '\0', value.size) == NULL)) {
        return set(&e->id, value);
    }
    return LARDER_OK; /* retry, and what later versions may add */
}

static bool dispatch(struct events *e, events_fn *on_event, void *ctx) {
    const struct event event = {.name = buf_slice(&e->name), .id = buf_slice(&e->id), .data = buf_slice(&e->data)};
    bool go_on = !e->has_data || on_event(ctx, &event);

    e->has_data = false;
    e->data.size = e->name.size = 0;
    return go_on;
}

static enum larder_error take_line(struct events *e, struct slice line, bool *ret_go_on, events_fn *on_event,
                                   void *ctx) {
    const char *colon;
    struct slice value;

    if (!e->began && slice_has_prefix(line, SLICE("\xef\xbb\xbf"))) {
        line = slice_skip(line, 3);
    }
    e->began = true;
    if (line.size == 0) {
        *ret_go_on = dispatch(e, on_event, ctx);
        return LARDER_OK;
    }
    colon = memchr(line.data, ':', line.size);
    if (colon == line.data) {
        return LARDER_OK; /* a comment */
    }
    if (colon == NULL) {
        return take_field(e, line, slice_make(NULL, 0));
    }
    value = slice_skip(line, (size_t)(colon - line.data) + 1);
    return take_field(e, slice_make(line.data, (size_t)(colon - line.data)),
                      value.size > 0 && value.data[0] == ' ' ? slice_skip(value, 1) : value);
}

static size_t line_size(struct slice s) {
    size_t size = 0;

    while (size < s.size && s.data[size] != '\n' && s.data[size] != '\r') {
        size++;
    }
    return size;
}

enum larder_error events_feed(struct events *e, struct slice piece, events_fn *on_event, void *ctx) {
    enum larder_error error = LARDER_OK;
    bool go_on = true;

    while (piece.size > 0 && go_on && error == LARDER_OK) {
        size_t size;

        if (e->after_cr && piece.data[0] == '\n') {
            piece = slice_skip(piece, 1);
        }
        e->after_cr = false;
        size = line_size(piece);
        error = buf_append(&e->line, piece.data, size);
        if (error != LARDER_OK || size == piece.size) {
            return error;
        }
        e->after_cr = piece.data[size] == '\r';
        piece = slice_skip(piece, size + 1);
        error = take_line(e, buf_slice(&e->line), &go_on, on_event, ctx);
        e->line.size = 0;
    }
    return error;
}
