/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/http/body.h"
#include "session/http.h"

/* A body on its way. The head is kept, to be read again when the body is complete. */
struct http_upload {
    struct buf head;
    struct http_body body;
    struct placed_value placed; /* where a value goes whose length is known */
    struct buf chunks;          /* where another one goes */
    const struct http_body_use *use;
    bool direct; /* the next bytes are being read to `placed` */
    bool drop;   /* it was answered already: the body goes nowhere */
};

void session_upload_free(struct session *s) {
    struct http_upload *u = s->upload;

    if (u != NULL) {
        cmd_place_cancel(&u->placed);
        s->worker->chunked -= u->chunks.capacity;
        buf_fini(&u->chunks);
        buf_fini(&u->head);
        free(u);
        s->upload = NULL;
    }
}

static struct http_upload *begin(struct session *s, const struct http_request *r, uint64_t limit) {
    struct http_upload *u = calloc(1, sizeof(*u));

    if (u != NULL) {
        buf_init(&u->head, HTTP_HEAD_MAX);
        buf_init(&u->chunks, (size_t)limit);
        http_body_begin(&u->body, &r->head, limit);
        s->upload = u;
    }
    return u;
}

bool http_session_body_begin(struct session *s, const struct http_request *r, uint64_t limit,
                             const struct http_body_use *use, struct placed_value *placed) {
    struct http_upload *u = begin(s, r, limit);

    if (u == NULL) {
        return false;
    }
    u->use = use;
    if (buf_append_slice(&u->head, r->text) != LARDER_OK) {
        session_upload_free(s);
        return false;
    }
    if (placed != NULL) {
        u->placed = *placed;
    }
    return true;
}

/* The request that is kept. */
static struct http_request request_of(const struct http_upload *u) {
    struct http_request r;
    enum http_verdict verdict = http_session_read(buf_slice(&u->head), &r);

    assert(verdict == HTTP_DONE); /* it was before */
    (void)verdict;
    r.ask.command = u->use->command;
    return r;
}

/* The whole body has come. */
static void finish(struct session *s) {
    struct http_upload *u = s->upload;

    if (!u->drop) {
        struct http_request r = request_of(u);

        if (u->placed.data != NULL) {
            u->use->take(s, &r, slice_make(u->placed.data, u->placed.size), &u->placed);
        } else {
            u->use->take(s, &r, buf_slice(&u->chunks), NULL);
        }
    }
    session_upload_free(s);
}

/* The body cannot be taken after all. What is still to come is read away, up to a bound. */
static void give_up(struct session *s, unsigned status, struct slice text, enum result result) {
    struct http_upload *u = s->upload;
    struct http_request r = request_of(u);

    u->use->refuse(s, &r.ask, &(struct http_refusal){.status = status, .text = text, .result = result});
    s->worker->chunked -= u->chunks.capacity;
    buf_fini(&u->chunks);
    cmd_place_cancel(&u->placed);
    u->placed.data = NULL;
    u->drop = true;
    u->body.limit = u->body.taken + HTTP_SESSION_DROP_MAX;
}

/* Adds to a body that has no place of its own. False: there is no room. */
static bool add_chunk(struct session *s, struct slice data) {
    struct http_upload *u = s->upload;
    size_t before = u->chunks.capacity;

    if (s->worker->chunked + data.size > HTTP_SESSION_CHUNKED_MAX || buf_append_slice(&u->chunks, data) != LARDER_OK) {
        return false;
    }
    s->worker->chunked += u->chunks.capacity - before;
    return true;
}

static void take_data(struct session *s, struct slice data) {
    struct http_upload *u = s->upload;

    if (data.size == 0 || u->drop) {
        return;
    }
    if (u->placed.data != NULL) {
        memcpy(u->placed.data + (u->body.taken - data.size), data.data, data.size);
    } else if (!add_chunk(s, data)) {
        telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MEMORY, 1);
        give_up(s, 507, u->use->no_room, RESULT_NO_MEMORY);
    }
}

/* What comes can no longer be followed, or shall not be. */
static void refuse(struct session *s, enum http_verdict verdict) {
    struct http_upload *u = s->upload;

    if (u->drop) {
        s->over = true;
    } else if (verdict == HTTP_BODY_TOO_LARGE) {
        telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_MAX_ITEM, 1);
        give_up(s, 413, u->use->too_large, RESULT_TOO_LARGE);
        return;
    } else {
        struct http_request r = request_of(u);
        const struct http_refusal refusal = {
            .status = http_verdict_status(verdict),
            .text = http_verdict_text(verdict),
            .result = RESULT_INVALID,
        };

        r.ask.form.keep_alive = false;
        u->use->refuse(s, &r.ask, &refusal);
    }
    session_upload_free(s);
}

size_t http_session_body_feed(struct session *s, struct slice input) {
    size_t done = 0;

    while (done < input.size && s->upload != NULL && !s->over) {
        struct slice data;
        size_t taken;
        enum http_verdict verdict = http_body_next(&s->upload->body, slice_skip(input, done), &data, &taken);

        done += taken;
        take_data(s, data);
        if (verdict == HTTP_DONE) {
            finish(s);
        } else if (verdict != HTTP_MORE) {
            refuse(s, verdict);
        }
    }
    return done;
}

bool session_upload_place(struct session *s, char **ret_data, size_t *ret_size) {
    struct http_upload *u = s->upload;

    u->direct = u->placed.data != NULL;
    if (u->direct) {
        *ret_data = u->placed.data + u->body.taken;
        *ret_size = (size_t)u->body.left;
    }
    return u->direct;
}

bool session_upload_is_direct(const struct session *s) {
    return s->upload->direct;
}

void session_upload_filled(struct session *s, size_t size) {
    s->upload->direct = false;
    if (http_body_skip(&s->upload->body, size)) {
        finish(s);
    }
}

void http_session_body_invite(struct session *s, const struct http_request *r) {
    struct outbox *out;

    if (r->head.expectation == HTTP_EXPECTS_CONTINUE && r->rest.size == 0) {
        out = session_outbox(s);
        if (out != NULL) {
            session_check(s, http_answer_continue(out));
        }
    }
}

void http_session_drop_prepare(struct http_request *r) {
    bool comes_later = r->head.expectation != HTTP_EXPECTS_NOTHING && r->rest.size == 0;

    if (r->head.body != HTTP_BODY_NONE && (r->head.content_length > HTTP_SESSION_DROP_MAX || comes_later)) {
        r->ask.form.keep_alive = false;
    }
}

size_t http_session_drop(struct session *s, const struct http_request *r) {
    struct http_upload *u;

    if (s->over || r->head.body == HTTP_BODY_NONE) {
        return 0;
    }
    u = begin(s, r, HTTP_SESSION_DROP_MAX);
    if (u == NULL) {
        s->over = true;
        return 0;
    }
    u->drop = true;
    return http_session_body_feed(s, r->rest);
}
