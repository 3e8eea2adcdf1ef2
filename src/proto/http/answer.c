/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/answer.h"

#include <assert.h>

#include "base/json.h"
#include "base/number.h"

enum {
    HEAD_USUAL = 512,   /* bytes of most heads: room that is made at once */
    ERROR_EXTRA = 1024, /* of an error's body, beside its key */
};

static struct slice status_line(unsigned status) {
    switch (status) {
#define STATUS(code, reason)                                                                                           \
    case code:                                                                                                         \
        return SLICE("HTTP/1.1 " #code " " reason "\r\n");
#include "proto/http/statuses.def"
#undef STATUS
    default:
        return SLICE("");
    }
}

struct slice http_status_reason(unsigned status) {
    static const struct slice version = SLICE("HTTP/1.1 200 ");
    struct slice line = status_line(status);

    assert(line.size > version.size); /* it is in statuses.def */
    line = slice_skip(line, version.size);
    return slice_make(line.data, line.size - 2);
}

void http_answer_line(struct http_answer *a, struct slice line) {
    if (a->error == LARDER_OK) {
        a->error = outbox_append(a->out, line);
    }
}

/* An origin's, whose reason nobody here knows: RFC 9112, 4 lets it be empty. */
static void write_status_line(struct http_answer *a, unsigned status) {
    char digits[NUMBER_MAX_DIGITS];

    http_answer_line(a, SLICE("HTTP/1.1 "));
    http_answer_line(a, slice_make(digits, number_format_u64(status, digits)));
    http_answer_line(a, SLICE(" \r\n"));
}

void http_answer_begin(struct http_answer *a, struct outbox *out, const struct http_form *form, unsigned status) {
    struct slice line = status_line(status);

    *a = (struct http_answer){.out = out, .form = form, .start = out->bytes.size};
    (void)outbox_reserve(out, HEAD_USUAL); /* a hint: what does not fit is found out line by line */
    if (line.size > 0) {
        http_answer_line(a, line);
    } else {
        write_status_line(a, status);
    }
}

void http_answer_field(struct http_answer *a, struct slice name, struct slice value) {
    http_answer_line(a, name);
    http_answer_line(a, SLICE(": "));
    http_answer_line(a, value);
    http_answer_line(a, SLICE("\r\n"));
}

void http_answer_number(struct http_answer *a, struct slice name, uint64_t number) {
    char digits[NUMBER_MAX_DIGITS];

    http_answer_field(a, name, slice_make(digits, number_format_u64(number, digits)));
}

void http_answer_tag(struct http_answer *a, uint64_t number, struct slice suffix) {
    char digits[NUMBER_MAX_DIGITS];

    http_answer_line(a, SLICE("ETag: \""));
    http_answer_line(a, slice_make(digits, number_format_u64(number, digits)));
    http_answer_line(a, suffix);
    http_answer_line(a, SLICE("\"\r\n"));
}

/* What the head says of the connection, and its empty line. */
static void end_head(struct http_answer *a) {
    if (!a->form->keep_alive) {
        http_answer_line(a, SLICE("Connection: close\r\n"));
    } else if (a->form->old) {
        http_answer_line(a, SLICE("Connection: keep-alive\r\n"));
    }
    http_answer_line(a, SLICE("\r\n"));
}

/* Takes back what there is of an answer that could not be written whole. */
static enum larder_error conclude(struct http_answer *a) {
    if (a->error != LARDER_OK) {
        a->out->bytes.size = a->start;
    }
    return a->error;
}

enum larder_error http_answer_body(struct http_answer *a, struct slice body) {
    http_answer_number(a, SLICE("Content-Length"), body.size);
    end_head(a);
    if (!a->form->head_only) {
        http_answer_line(a, body);
    }
    return conclude(a);
}

enum larder_error http_answer_blob(struct http_answer *a, struct slice body, struct blob *blob) {
    http_answer_number(a, SLICE("Content-Length"), body.size);
    end_head(a);
    if (a->error == LARDER_OK && !a->form->head_only) {
        a->error = outbox_append_blob(a->out, blob, body);
    }
    return conclude(a);
}

enum larder_error http_answer_empty(struct http_answer *a) {
    end_head(a);
    return conclude(a);
}

enum larder_error http_answer_sized(struct http_answer *a, uint64_t length) {
    http_answer_number(a, SLICE("Content-Length"), length);
    end_head(a);
    return conclude(a);
}

enum larder_error http_answer_stream(struct http_answer *a) {
    assert(!a->form->old || !a->form->keep_alive);
    if (!a->form->old) {
        http_answer_line(a, SLICE("Transfer-Encoding: chunked\r\n"));
    }
    end_head(a);
    return conclude(a);
}

static enum larder_error write_error(struct buf *body, unsigned status, struct slice message, const struct slice *key) {
    enum larder_error error = buf_printf(body, "{\"code\":%u,\"message\":", status);

    if (error == LARDER_OK) {
        error = json_append_string(body, message);
    }
    if (error == LARDER_OK && key != NULL) {
        error = buf_append(body, ",", 1);
        if (error == LARDER_OK) {
            error = json_append_member(body, SLICE("key"), *key);
        }
    }
    return error == LARDER_OK ? buf_append(body, "}\n", 2) : error;
}

enum larder_error http_answer_error(struct outbox *out, const struct http_form *form, unsigned status,
                                    struct slice date, struct slice lines, struct slice message,
                                    const struct slice *key) {
    struct http_answer a;
    struct buf body;
    enum larder_error error;

    buf_init(&body, ERROR_EXTRA + 6 * (message.size + (key != NULL ? key->size : 0)));
    error = write_error(&body, status, message, key);
    if (error == LARDER_OK) {
        http_answer_begin(&a, out, form, status);
        http_answer_line(&a, date);
        http_answer_line(&a, SLICE("Content-Type: application/json\r\n"));
        http_answer_line(&a, lines);
        error = http_answer_body(&a, buf_slice(&body));
    }
    buf_fini(&body);
    return error;
}

enum larder_error http_answer_continue(struct outbox *out) {
    return outbox_append(out, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
}
