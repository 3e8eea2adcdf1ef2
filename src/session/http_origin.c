/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http_origin.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "origin/entry.h"
#include "proto/http/chars.h"
#include "proto/http/condition.h"
#include "proto/http/date_read.h"
#include "proto/http/stream.h"
#include "session/tracing.h"

enum {
    STATUS_LINE_MAX = 160,
    PIECE_MAX = 64 << 10, /* bytes of a body that is still coming, in one piece */
};

/* Whether the client has it: RFC 9110, 13.2.2. The tags come before the date. */
static bool is_unchanged(const struct http_value_ask *v, const struct origin_entry *e, int64_t now_s) {
    int64_t changed, known;

    if (e->status != 200) {
        return false;
    }
    if (v->if_none_match.data != NULL) {
        return e->etag.size > 0 && http_tags_name(v->if_none_match, e->etag);
    }
    return v->if_modified_since.data != NULL && e->last_modified.size > 0 &&
           http_date_read(e->last_modified, now_s, &changed) && http_date_read(v->if_modified_since, now_s, &known) &&
           changed <= known;
}

/* Cache-Status (RFC 9211): whether it was here, why the origin was asked, what it said, and what became of that. */
static void write_cache_status(struct http_answer *a, const struct reply *reply, const struct origin_entry *e,
                               int64_t age_ms) {
    static const char *const words[] = {
        [REPLY_ORIGIN_HIT] = "hit",           [REPLY_ORIGIN_MISS] = "fwd=uri-miss",
        [REPLY_ORIGIN_STALE] = "fwd=stale",   [REPLY_ORIGIN_REQUEST] = "fwd=request",
        [REPLY_ORIGIN_BYPASS] = "fwd=bypass",
    };
    char line[STATUS_LINE_MAX];
    char status[32] = "";
    char ttl[32] = "";
    int size;

    if (reply->origin_status != 0) {
        snprintf(status, sizeof(status), "; fwd-status=%u", reply->origin_status);
    }
    if (reply->source == REPLY_ORIGIN_HIT || reply->stored) {
        snprintf(ttl, sizeof(ttl), "; ttl=%" PRId64, (e->lifetime_ms - age_ms) / 1000);
    }
    size = snprintf(line, sizeof(line), "Cache-Status: larder; %s%s%s%s%s\r\n", words[reply->source], status,
                    reply->collapsed ? "; collapsed" : "", reply->stored ? "; stored" : "", ttl);
    http_answer_line(a, slice_make(line, (size_t)size));
}

static void write_date(struct http_answer *a, const struct origin_entry *e) {
    struct http_date date = {0};

    http_answer_line(a, http_date_line(&date, (e->flags & ORIGIN_DATED) != 0 ? e->date : e->answered_ms / 1000));
}

/* Whether a 304 has the field as well: RFC 9110, 15.4.5. */
static bool goes_with_304(struct slice name) {
    return name.size < 8 || !http_is_word(slice_make(name.data, 8), SLICE("content-")) ||
           http_is_word(name, SLICE("content-location"));
}

static void write_fields(struct http_answer *a, const struct origin_entry *e, bool unchanged) {
    if (e->etag.size > 0) {
        http_answer_field(a, SLICE("ETag"), e->etag);
    }
    if (e->last_modified.size > 0) {
        http_answer_field(a, SLICE("Last-Modified"), e->last_modified);
    }
    if (e->content_type.size > 0 && !unchanged) {
        http_answer_field(a, SLICE("Content-Type"), e->content_type);
    }
    for (unsigned i = 0; i < e->fields.count; i++) {
        if (!unchanged || goes_with_304(e->fields.all[i].name)) {
            http_answer_field(a, e->fields.all[i].name, e->fields.all[i].value);
        }
    }
}

static void begin_answer(struct http_answer *a, struct outbox *out, const struct http_form *form,
                         const struct reply *reply, const struct origin_entry *e, bool unchanged) {
    int64_t age_ms = origin_entry_age_ms(e, clock_wall_ns() / CLOCK_NS_PER_MS);

    http_answer_begin(a, out, form, unchanged ? 304 : e->status);
    write_date(a, e);
    write_fields(a, e, unchanged);
    http_answer_number(a, SLICE("Age"), (uint64_t)(age_ms / 1000));
    write_cache_status(a, reply, e, age_ms);
}

static enum larder_error write_answer(struct outbox *out, const struct http_value_ask *v, const struct reply *reply,
                                      const struct origin_entry *e, bool unchanged) {
    struct http_answer a;

    begin_answer(&a, out, &v->ask.form, reply, e, unchanged);
    if (unchanged || e->status == 204) {
        return http_answer_empty(&a);
    }
    return reply->item.blob != NULL && e->body.size >= SESSION_REFERENCE_FROM
               ? http_answer_blob(&a, e->body, reply->item.blob)
               : http_answer_body(&a, e->body);
}

/* What stands in the place of an answer that did not come. */
static bool is_failure(const struct origin_entry *e) {
    return e->kind == ORIGIN_ERROR && (e->status == 502 || e->status == 504) && e->body.size == 0 &&
           e->content_type.size == 0 && e->fields.count == 0;
}

static void refuse(struct session *s, const struct http_value_ask *v, const struct reply *reply,
                   const struct origin_entry *e) {
    const struct http_refusal refusal = {
        .status = e->status,
        .text = e->status == 504 ? SLICE("the origin did not answer in time")
                                 : SLICE("the origin cannot be reached, or gave no answer that is one"),
        .key = &v->key,
        .result = reply->result,
    };

    http_session_refuse(s, &v->ask, &refusal);
}

void http_origin_answer(struct session *s, const struct http_value_ask *v, const struct reply *reply) {
    struct outbox *out;
    struct origin_entry e;
    bool unchanged;

    if (origin_entry_read(reply->item.value, &e) != LARDER_OK) {
        assert(false); /* group/origin.h has read it */
        session_fail(s);
        return;
    }
    if (is_failure(&e)) {
        refuse(s, v, reply, &e);
        return;
    }
    unchanged = is_unchanged(v, &e, clock_wall_ns() / CLOCK_NS_PER_S);
    out = session_outbox(s);
    if (out != NULL) {
        session_check(s, write_answer(out, v, reply, &e, unchanged));
    }
    http_session_note(s, &v->ask, unchanged ? 304 : e.status, reply->result);
}

/* --- answers that are still coming --- */

static enum larder_error write_begin(struct outbox *out, const struct http_value_ask *v,
                                     const struct answer_stream *stream, const struct reply *reply) {
    struct origin_entry e;
    struct http_answer a;

    if (origin_entry_read(reply->item.value, &e) != LARDER_OK) {
        assert(false);
        return LARDER_ERROR_INVALID;
    }
    begin_answer(&a, out, &v->ask.form, reply, &e, false);
    return stream->has_length ? http_answer_sized(&a, stream->length) : http_answer_stream(&a);
}

static enum larder_error write_piece(struct outbox *out, const struct http_form *form, bool sized, struct slice piece) {
    size_t mark;
    enum larder_error error;

    if (sized) {
        return outbox_append(out, piece);
    }
    error = http_stream_open(out, form, &mark);
    if (error == LARDER_OK) {
        error = outbox_append(out, piece);
    }
    return error == LARDER_OK ? http_stream_close(out, form, mark) : error;
}

/* By copy: what is not whole yet may move. */
static void write_pieces(struct session *s, const struct http_value_ask *v, struct answer_stream *stream) {
    struct slice rest;

    while (!s->failed && (rest = stream->ops->rest(stream)).size > 0) {
        struct slice piece = slice_make(rest.data, rest.size < PIECE_MAX ? rest.size : PIECE_MAX);

        if (session_is_full(s)) {
            s->stalled = true;
            return;
        }
        session_check(s, write_piece(s->out, &v->ask.form, stream->has_length, piece));
        stream->ops->take(stream, piece.size);
    }
}

void http_origin_flow(struct session *s, const struct http_value_ask *v, struct answer_stream *stream) {
    struct outbox *out = session_outbox(s);
    struct reply reply;

    if (out != NULL && !stream->begun) {
        stream->begun = true;
        stream->ops->show(stream, &reply);
        session_check(s, write_begin(out, v, stream, &reply));
    }
    if (out != NULL) {
        write_pieces(s, v, stream);
    }
}

static enum larder_error write_end(struct outbox *out, const struct http_form *form, bool sized, struct slice rest,
                                   struct blob *blob) {
    enum larder_error error = LARDER_OK;

    if (rest.size > 0 && (blob == NULL || rest.size < SESSION_REFERENCE_FROM)) {
        error = write_piece(out, form, sized, rest);
    } else if (rest.size > 0) {
        error = sized ? outbox_append_blob(out, blob, rest) : http_stream_blob(out, form, rest, blob);
    }
    return error == LARDER_OK && !sized ? http_stream_end(out, form) : error;
}

void http_origin_finish(struct session *s, const struct http_value_ask *v, const struct reply *reply, bool sized) {
    struct outbox *out = session_outbox(s);
    struct origin_entry e;
    const bool whole = http_origin_has_answer(reply) && origin_entry_read(reply->item.value, &e) == LARDER_OK;

    session_trace_reply(s, reply);
    http_session_note(s, &v->ask, whole ? e.status : 502, reply->result);
    if (!whole) {
        session_fail(s);
    } else if (out != NULL) {
        session_check(s, write_end(out, &v->ask.form, sized, slice_skip(e.body, reply->streamed), reply->item.blob));
    }
}
