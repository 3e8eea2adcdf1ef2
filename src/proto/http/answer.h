/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_ANSWER_H
#define LARDER_PROTO_HTTP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outbox.h"
#include "base/slice.h"
#include "proto/http/head.h"

/* Answers of HTTP/1.1 to an outbox, field by field and without allocating beside it:
 *
 *     http_answer_begin    the status line
 *     http_answer_line, _field, _number, _tag    in any order
 *     one of http_answer_body, _blob, _empty, _sized, _stream    the length, the end of the head, the body
 *
 * An error is kept until that last call returns it, and then nothing of the answer is in the outbox. */

/* What the request says of the form of its answer. */
struct http_form {
    bool head_only;  /* HEAD: the body is counted but not sent */
    bool keep_alive; /* false: the connection closes behind this answer */
    bool old;        /* HTTP/1.0: no chunks; that the connection stays must be said */
};

static inline struct http_form http_form_of(const struct http_head *head) {
    return (struct http_form){
        .head_only = head->verb == HTTP_VERB_HEAD,
        .keep_alive = head->keep_alive,
        .old = head->old,
    };
}

/* What the status is called; static. It is in statuses.def. */
struct slice http_status_reason(unsigned status);

struct http_answer {
    struct outbox *out;
    const struct http_form *form;
    size_t start; /* of the copied bytes before this answer */
    enum larder_error error;
};

/* `status` is in statuses.def, or an origin's, 200 to 999; then it has no reason. The form is borrowed until the end of the answer. */
void http_answer_begin(struct http_answer *a, struct outbox *out, const struct http_form *form, unsigned status);

/* A line, or several, that are written already: "Name: value\r\n". */
void http_answer_line(struct http_answer *a, struct slice line);

/* `value` has no CR or LF in it. */
void http_answer_field(struct http_answer *a, struct slice name, struct slice value);

void http_answer_number(struct http_answer *a, struct slice name, uint64_t number);

/* ETag: the value's number and `suffix` (see http_conditions_read), in quotes. */
void http_answer_tag(struct http_answer *a, uint64_t number, struct slice suffix);

/* The body, by copy. Errors, here and below: LIMIT, NO_MEMORY. */
enum larder_error http_answer_body(struct http_answer *a, struct slice body);

/* The body, which lies in `blob`, by reference. */
enum larder_error http_answer_blob(struct http_answer *a, struct slice body, struct blob *blob);

/* Nothing, as 204 and 304 have it. */
enum larder_error http_answer_empty(struct http_answer *a);

/* A body of this length, to be put behind it bit by bit; if it breaks off, the connection must end. */
enum larder_error http_answer_sized(struct http_answer *a, uint64_t length);

/* A body of unknown length, to be written with stream.h: in chunks, or to an HTTP/1.0 client until the connection closes,
 * for which form->keep_alive must be false. */
enum larder_error http_answer_stream(struct http_answer *a);

/* An error, whole: {"code":404,"message":"...","key":"..."}. `key` is NULL when there is none; see json_append_member for
 * keys that are not UTF-8. `date` and `lines` are further field lines, or empty. `message` is UTF-8. */
enum larder_error http_answer_error(struct outbox *out, const struct http_form *form, unsigned status,
                                    struct slice date, struct slice lines, struct slice message,
                                    const struct slice *key);

/* "100 Continue". */
enum larder_error http_answer_continue(struct outbox *out);

#endif
