/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_stream.h"

#include "group/origin_load.h"

enum {
    AHEAD_MAX = 256 << 10, /* bytes of a body that is passed which may wait to be taken; a piece more at most */
    STATUS_NO_CONTENT = 204,
};

static struct origin_op *op_of(const struct answer_stream *stream) {
    return (struct origin_op *)(void *)((char *)(uintptr_t)stream - offsetof(struct origin_op, stream));
}

static size_t body_of(const struct origin_flight *f) {
    return f->value->size - f->head_size;
}

/* While it is passed, time runs from when something last moved. */
static void renew_deadline(struct origin_flight *f) {
    int64_t timeout_ns = origin_flight_policy(f)->origin.timeout_ns;

    origin_flight_control(f)->renew(f->fetch, clock_monotonic_ns() + timeout_ns);
}

/* --- what he sees --- */

static void show(struct answer_stream *stream, struct reply *ret_reply) {
    const struct origin_op *op = op_of(stream);
    const struct origin_flight *f = op->flight;
    const struct origin_held head = {.value = slice_make(f->value->data, f->head_size)};
    struct origin_entry entry;

    *ret_reply = op->pending.reply;
    ret_reply->pending = NULL;
    if (origin_entry_read(head.value, &entry) != LARDER_OK) {
        assert(false); /* it was written here */
        return;
    }
    origin_flight_count(f, COUNTER_ORIGIN_STREAMED);
    origin_show(ret_reply, &entry, head, origin_now_ms(f->worker->origin));
    ret_reply->origin_status = f->answer.status;
}

static struct slice rest(const struct answer_stream *stream) {
    const struct origin_op *op = op_of(stream);
    const struct origin_flight *f = op->flight;

    return slice_make(f->value->data + f->head_size + op->taken, body_of(f) - op->taken);
}

static void take(struct answer_stream *stream, size_t size) {
    struct origin_op *op = op_of(stream);
    struct origin_flight *f = op->flight;

    op->taken += size;
    if (!f->passing) {
        return;
    }
    renew_deadline(f);
    if (f->paused && body_of(f) - op->taken < AHEAD_MAX / 2) {
        f->paused = false;
        origin_flight_control(f)->resume(f->fetch);
    }
}

/* That ends no flight; but if there is nobody else for whom it could be, there is nothing left of it. */
static void leave(struct answer_stream *stream) {
    struct origin_op *op = op_of(stream);
    struct origin_flight *f = op->flight;

    if (f == NULL) {
        return;
    }
    f->streamer = NULL;
    f->streams = false;
    op->flight = NULL;
    if (f->passing) {
        origin_flight_control(f)->cancel(f->fetch);
        origin_give_up(f, RESULT_ORIGIN_BUSY);
    }
}

static const struct answer_stream_ops ops = {.show = show, .rest = rest, .take = take, .leave = leave};

/* --- what comes --- */

bool origin_streams(const struct origin_flight *f, const struct fetch_head *head) {
    const struct origin_op *op = f->streamer;

    return op != NULL && (op->takes == REQUEST_STREAM || head->has_length) && head->status != STATUS_NO_CONTENT &&
           !(head->has_length && head->length == 0) && origin_may_tell(f);
}

void origin_stream_begin(struct origin_flight *f, const struct fetch_head *head) {
    struct origin_op *op = f->streamer;

    op->flight = f;
    op->taken = 0;
    op->stream = (struct answer_stream){.ops = &ops, .has_length = head->has_length, .length = head->length};
    f->streams = true;
    (void)origin_stream_news(f);
    if (!f->outcome.shared) {
        origin_stream_pass(f);
    }
}

void origin_stream_pass(struct origin_flight *f) {
    f->passing = true;
    renew_deadline(f);
    (void)origin_publish(f, NULL,
                         NULL); /* from here on nobody waits for one like it; there are no copies (origin_may_tell) */
    origin_release(f);
}

void origin_stream_make_room(struct origin_flight *f, size_t size) {
    struct origin_op *op = f->streamer;
    size_t left = body_of(f) - op->taken;

    if (op->taken > 0 && (left == 0 || f->value->size + size > f->value->room)) {
        char *body = f->value->data + f->head_size;

        memmove(body, body + op->taken, left);
        f->value->size = f->head_size + left;
        op->taken = 0;
    }
}

enum fetch_flow origin_stream_news(struct origin_flight *f) {
    struct origin_op *op = f->streamer;

    if (!op->posted) {
        op->posted = true;
        pending_post(&op->pending);
    }
    if (!f->passing) {
        return FETCH_GO_ON;
    }
    renew_deadline(f);
    f->paused = body_of(f) - op->taken >= AHEAD_MAX;
    return f->paused ? FETCH_PAUSE : FETCH_GO_ON;
}

void origin_stream_tell(struct origin_op *op) {
    if (op->flight != NULL) { /* he has not left */
        pending_tell_news(&op->pending, &op->stream);
    }
}
