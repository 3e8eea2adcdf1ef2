/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/connection.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/node_ring.h"
#include "daemon/worker.h"

enum {
    PIECES_MAX = 64,
    RESUMES_PER_TURN = 8, /* how often input that waited is taken up again before others have their turn */
};

static void want_write(struct connection *c, bool want) {
    if (c->writing != want) {
        c->writing = want;
        stream_want_write(&c->stream, want);
    }
}

static void want_read(struct connection *c, bool want) {
    if (c->reading != want) {
        c->reading = want;
        stream_want_read(&c->stream, want);
    }
}

/* Writes as much as the socket takes. False: it takes no more now, or is closing. */
static bool write_out(struct connection *c) {
    while (session_has_output(&c->session)) {
        struct iovec pieces[PIECES_MAX];
        int count = session_pieces(&c->session, pieces, PIECES_MAX);
        size_t offered = 0;
        size_t written;

        for (int i = 0; i < count; i++) {
            offered += pieces[i].iov_len;
        }
        if (stream_write(&c->stream, pieces, count, &written) != LARDER_OK) {
            return false;
        }
        session_sent(&c->session, written);
        if (written > 0) {
            c->active_ns = loop_now_ns(c->worker->loop);
        }
        if (written < offered) {
            return false;
        }
    }
    return true;
}

static bool is_idle(const struct connection *c) {
    return !session_has_output(&c->session) && c->session.input.size == 0 && !session_takes_body(&c->session) &&
           c->session.swallow == 0 && c->session.get == NULL && !session_is_waiting(&c->session) &&
           session_calls(&c->session) == 0;
}

/* Around everything that runs requests: the time they see, and the time they took. It is booked before their replies go
 * out, so that whoever has a reply finds it counted. */
static int64_t batch_begin(struct connection *c) {
    int64_t start = clock_monotonic_ns();
    struct cmd_context *context = &c->worker->sessions.context;

    cmd_context_set_now(context, start);
    worker_ring_begin(c->worker);
    return start;
}

static void batch_end(struct connection *c, int64_t start) {
    telemetry_batch_end(c->worker->sessions.context.telemetry, clock_monotonic_ns() - start);
}

/* Whether there is nothing more to come for a client that has ended its half. */
static bool is_answered(const struct connection *c) {
    return !session_has_output(&c->session) && !c->session.stalled && !session_is_waiting(&c->session);
}

/* Takes up input that had to wait until replies were sent. */
static void resume(struct connection *c) {
    int64_t start = batch_begin(c);

    session_resume(&c->session);
    batch_end(c, start);
    worker_watch_deadline(c->worker);
}

/* The session is over, but the client may still be sending: it shall hear the last words and not a reset. */
static void linger(struct connection *c) {
    c->lingering = true;
    want_write(c, false);
    want_read(c, true);
    stream_end_writing(&c->stream);
}

/* Sends what there is and tells the stream what to look out for. */
static void pump(struct connection *c) {
    bool drained = write_out(c);

    for (int i = 0; i < RESUMES_PER_TURN && drained && c->session.stalled; i++) {
        resume(c);
        drained = write_out(c);
    }
    if (stream_closing(&c->stream)) {
        return;
    }
    if ((c->worker->draining && is_idle(c)) || (c->ended && is_answered(c))) {
        stream_close(&c->stream);
        return;
    }
    if (session_is_over(&c->session)) {
        linger(c);
        return;
    }
    want_write(c, session_has_output(&c->session) || c->session.stalled);
    want_read(c, session_wants_input(&c->session) && !c->ended);
}

static void read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct connection *c = ctx;

    session_read_place(&c->session, ret_data, ret_size);
}

static void on_read(void *ctx, size_t size) {
    struct connection *c = ctx;
    int64_t start;

    if (c->lingering) {
        return;
    }
    start = batch_begin(c);
    c->active_ns = start;
    session_feed(&c->session, size);
    batch_end(c, start);
    worker_watch_deadline(c->worker);
    pump(c);
}

static void on_end(void *ctx) {
    struct connection *c = ctx;

    c->ended = true;
    c->reading = false;
    if (c->lingering) {
        stream_close(&c->stream);
    } else {
        pump(c);
    }
}

static void on_writable(void *ctx) {
    pump(ctx);
}

static void on_close(void *ctx, enum larder_error error) {
    struct connection *c = ctx;

    (void)error; /* a client may leave as it likes */
    session_fini(&c->session);
    worker_forget(c->worker, c);
    free(c);
}

static const struct stream_ops ops = {
    .read_buffer = read_buffer,
    .on_read = on_read,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_close,
};

enum larder_error connection_open(struct worker *worker, int fd) {
    struct connection *c = calloc(1, sizeof(*c));
    enum larder_error error;

    if (c == NULL) {
        close(fd);
        return LARDER_ERROR_NO_MEMORY;
    }
    error = stream_open(&c->stream, worker->loop, fd, &ops, c);
    if (error != LARDER_OK) {
        free(c);
        return error;
    }
    session_init(&c->session, &worker->sessions);
    c->worker = worker;
    c->reading = true;
    c->active_ns = clock_monotonic_ns();
    worker_remember(worker, c);
    return LARDER_OK;
}

void connection_ready(struct session *s) {
    struct connection *c = (struct connection *)(void *)((char *)s - offsetof(struct connection, session));

    if (!stream_closing(&c->stream)) {
        pump(c);
    }
}

void connection_drain(struct connection *c) {
    if (is_idle(c) || c->lingering) {
        stream_close(&c->stream);
    } else {
        session_drain(&c->session);
    }
}

void connection_abort(struct connection *c) {
    stream_close(&c->stream);
}
