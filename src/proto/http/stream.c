/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/stream.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "base/number.h"

enum {
    SIZE_DIGITS = 8,             /* of a chunk: written when it is closed, in the place left for them */
    SIZE_LINE = SIZE_DIGITS + 2, /* with CR LF */
};

enum larder_error http_stream_open(struct outbox *out, const struct http_form *form, size_t *ret_mark) {
    size_t mark = out->bytes.size;
    enum larder_error error = form->old ? LARDER_OK : outbox_append(out, SLICE("00000000\r\n"));

    if (error == LARDER_OK) {
        *ret_mark = mark;
    }
    return error;
}

void http_stream_cancel(struct outbox *out, size_t mark) {
    out->bytes.size = mark;
}

enum larder_error http_stream_close(struct outbox *out, const struct http_form *form, size_t mark) {
    static const char digits[] = "0123456789abcdef";
    size_t size = out->bytes.size - mark;
    enum larder_error error;

    if (form->old) {
        return LARDER_OK;
    }
    size -= SIZE_LINE;
    if (size == 0) {
        http_stream_cancel(out, mark);
        return LARDER_OK;
    }
    assert(size <= UINT32_MAX);
    error = outbox_append(out, SLICE("\r\n"));
    if (error != LARDER_OK) {
        http_stream_cancel(out, mark);
        return error;
    }
    for (size_t i = SIZE_DIGITS; i-- > 0; size >>= 4) {
        out->bytes.data[mark + i] = digits[size & 15];
    }
    return LARDER_OK;
}

enum larder_error http_stream_blob(struct outbox *out, const struct http_form *form, struct slice piece,
                                   struct blob *blob) {
    char line[24];
    enum larder_error error = LARDER_OK;

    if (!form->old) {
        error = outbox_append(out, slice_make(line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", piece.size)));
    }
    if (error == LARDER_OK) {
        error = outbox_append_blob(out, blob, piece);
    }
    return error == LARDER_OK && !form->old ? outbox_append(out, SLICE("\r\n")) : error;
}

enum larder_error http_stream_end(struct outbox *out, const struct http_form *form) {
    return form->old ? LARDER_OK : outbox_append(out, SLICE("0\r\n\r\n"));
}

static enum larder_error append_line(struct buf *out, struct slice name, struct slice value) {
    enum larder_error error = buf_append_slice(out, name);

    if (error == LARDER_OK) {
        error = buf_append_slice(out, value);
    }
    return error == LARDER_OK ? buf_append(out, "\n", 1) : error;
}

/* Takes the next line of the text; *more says that a line end stood behind it, and so another line follows. */
static struct slice take_line(struct slice *text, bool *more) {
    size_t size = 0;
    size_t end;
    struct slice line;

    while (size < text->size && text->data[size] != '\n' && text->data[size] != '\r') {
        size++;
    }
    line = slice_make(text->data, size);
    *more = size < text->size;
    if (*more) {
        end = slice_has_prefix(slice_skip(*text, size), SLICE("\r\n")) ? 2 : 1;
        *text = slice_skip(*text, size + end);
    }
    return line;
}

static enum larder_error append_data(struct buf *out, struct slice data) {
    enum larder_error error = LARDER_OK;
    bool more = true;

    while (more && error == LARDER_OK) {
        struct slice line = take_line(&data, &more);

        error = append_line(out, SLICE("data: "), line);
    }
    return error;
}

enum larder_error http_event_append(struct buf *out, const struct http_event *event) {
    char digits[NUMBER_MAX_DIGITS];
    enum larder_error error = LARDER_OK;

    if (event->has_id) {
        error = append_line(out, SLICE("id: "), slice_make(digits, number_format_u64(event->id, digits)));
    }
    if (error == LARDER_OK && event->name.size > 0) {
        error = append_line(out, SLICE("event: "), event->name);
    }
    if (error == LARDER_OK) {
        error = append_data(out, event->data);
    }
    return error == LARDER_OK ? buf_append(out, "\n", 1) : error;
}

enum larder_error http_event_comment(struct buf *out, struct slice text) {
    enum larder_error error = append_line(out, SLICE(": "), text);

    return error == LARDER_OK ? buf_append(out, "\n", 1) : error;
}
