/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/link.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"

enum state {
    STATE_CONNECTING,
    STATE_READY,
    STATE_PAUSED, /* no stream; the pause timer runs */
    STATE_FREED,  /* waits for its stream's end */
};

struct peer_link {
    struct loop *loop;
    enum state state;
    enum larder_error down;  /* why there is no connection; LARDER_OK before the first failure and while there is one */
    enum larder_error fault; /* why we closed the stream ourselves */
    struct pipeline pipeline;
    struct stream stream;
    struct timer *deadline_timer;
    struct timer *pause_timer;
    int64_t armed_ns;      /* what deadline_timer is set to; INT64_MAX: at rest */
    uint64_t heard_before; /* pipeline_heard when the connection was made */
    unsigned failures;     /* in a row */
    struct peer_options options;
    struct random random;
    size_t endpoint; /* the one being tried or used */
    size_t endpoint_count;
    struct endpoint endpoints[PEER_ENDPOINTS_MAX];
};

static void connect_next(struct peer_link *link);

static void arm_deadline(struct peer_link *link) {
    int64_t deadline_ns = pipeline_deadline(&link->pipeline);

    if (deadline_ns >= link->armed_ns) {
        return;
    }
    link->armed_ns = deadline_ns;
    timer_start(link->deadline_timer, deadline_ns - loop_now_ns(link->loop), 0);
}

/* Closes our end because of what we saw; on_close goes on from there. */
static void drop(struct peer_link *link, enum larder_error error) {
    link->fault = error;
    stream_close(&link->stream);
}

static void on_deadline(void *ctx) {
    struct peer_link *link = ctx;
    bool dead;

    link->armed_ns = INT64_MAX;
    dead = pipeline_expire(&link->pipeline, clock_monotonic_ns());
    if (dead && link->state == STATE_READY) {
        drop(link, LARDER_ERROR_TIMEOUT);
    } else if (dead) {
        /* Not sent yet, and in vain now: a new connection must not begin with it. */
        pipeline_fail(&link->pipeline, LARDER_ERROR_TIMEOUT);
    }
    arm_deadline(link);
}

static int64_t next_pause_ns(struct peer_link *link) {
    int64_t pause_ns = link->options.pause_min_ns;

    for (unsigned i = 0; i < link->failures && pause_ns < link->options.pause_max_ns; i++) {
        pause_ns *= 2;
    }
    if (pause_ns > link->options.pause_max_ns) {
        pause_ns = link->options.pause_max_ns;
    }
    /* Half of it is random, so that many clients do not come back to a server in one wave. */
    return pause_ns / 2 + (int64_t)random_below(&link->random, (uint64_t)pause_ns / 2 + 1);
}

static void go_down(struct peer_link *link, enum larder_error error) {
    link->state = STATE_PAUSED;
    link->down = error;
    timer_start(link->pause_timer, next_pause_ns(link), 0);
    link->failures++;
    pipeline_fail(&link->pipeline, error);
}

static void on_pause_over(void *ctx) {
    struct peer_link *link = ctx;

    link->endpoint = 0;
    connect_next(link);
}

static void release(struct peer_link *link) {
    pipeline_fini(&link->pipeline);
    free(link);
}

/* A lost connection: if it was of use, a new one is made at once. */
static void on_lost(struct peer_link *link, enum larder_error error) {
    if (pipeline_heard(&link->pipeline) == link->heard_before) {
        go_down(link, error);
        return;
    }
    link->failures = 0;
    link->endpoint = 0;
    link->state = STATE_CONNECTING;
    pipeline_fail(&link->pipeline, error);
    connect_next(link);
}

static void on_close(void *ctx, enum larder_error error) {
    struct peer_link *link = ctx;

    if (link->fault != LARDER_OK) {
        error = link->fault;
    }
    switch (link->state) {
    case STATE_FREED:
        release(link);
        break;
    case STATE_READY:
        on_lost(link, error);
        break;
    default:
        if (++link->endpoint < link->endpoint_count) {
            connect_next(link);
        } else {
            go_down(link, error);
        }
        break;
    }
}

static void on_connect(void *ctx) {
    struct peer_link *link = ctx;

    link->state = STATE_READY;
    link->down = LARDER_OK;
    link->heard_before = pipeline_heard(&link->pipeline);
    peer_link_flush(link);
}

static void read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct peer_link *link = ctx;
    enum larder_error error = pipeline_input(&link->pipeline, ret_data, ret_size);

    if (error != LARDER_OK) {
        drop(link, error);
    }
}

static void on_read(void *ctx, size_t size) {
    struct peer_link *link = ctx;
    enum larder_error error = pipeline_received(&link->pipeline, size);

    if (error != LARDER_OK) {
        drop(link, error);
    }
}

static void on_writable(void *ctx) {
    peer_link_flush(ctx);
}

static const struct stream_ops ops = {
    .read_buffer = read_buffer,
    .on_read = on_read,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_connect = on_connect,
};

static void connect_next(struct peer_link *link) {
    enum larder_error error;

    link->state = STATE_CONNECTING;
    link->fault = LARDER_OK;
    error = stream_connect(&link->stream, link->loop, &link->endpoints[link->endpoint],
                           link->options.connect_timeout_ns, &ops, link);
    if (error != LARDER_OK) {
        go_down(link, error);
    }
}

static void set_defaults(struct peer_options *o) {
    o->limits.pending = o->limits.pending == 0 ? PEER_PENDING_MAX : o->limits.pending;
    o->limits.output = o->limits.output == 0 ? PEER_OUTPUT_MAX : o->limits.output;
    o->limits.value = o->limits.value == 0 ? PEER_VALUE_MAX : o->limits.value;
    o->connect_timeout_ns = o->connect_timeout_ns == 0 ? PEER_CONNECT_TIMEOUT_NS : o->connect_timeout_ns;
    o->pause_min_ns = o->pause_min_ns == 0 ? PEER_PAUSE_MIN_NS : o->pause_min_ns;
    o->pause_max_ns = o->pause_max_ns == 0 ? PEER_PAUSE_MAX_NS : o->pause_max_ns;
}

enum larder_error peer_link_new(struct loop *loop, const struct endpoint *endpoints, size_t count,
                                const struct peer_options *options, struct peer_link **ret_link) {
    struct peer_link *link = calloc(1, sizeof(*link));

    assert(count > 0 && count <= PEER_ENDPOINTS_MAX);
    if (link == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    link->loop = loop;
    link->options = *options;
    set_defaults(&link->options);
    link->armed_ns = INT64_MAX;
    link->endpoint_count = count;
    memcpy(link->endpoints, endpoints, count * sizeof(*endpoints));
    random_init(&link->random, options->seed);
    link->deadline_timer = timer_new(loop, on_deadline, link);
    link->pause_timer = timer_new(loop, on_pause_over, link);
    if (link->deadline_timer == NULL || link->pause_timer == NULL ||
        pipeline_init(&link->pipeline, &link->options.limits) != LARDER_OK) {
        timer_free(link->deadline_timer);
        timer_free(link->pause_timer);
        free(link);
        return LARDER_ERROR_NO_MEMORY;
    }
    connect_next(link);
    *ret_link = link;
    return LARDER_OK;
}

enum larder_error peer_link_submit(struct peer_link *link, const struct request *request, pipeline_done_fn *done,
                                   void *ctx) {
    enum larder_error error;

    assert(link->state != STATE_FREED);
    if (link->down != LARDER_OK) {
        return link->down;
    }
    error = pipeline_submit(&link->pipeline, request, clock_wall_ns() / CLOCK_NS_PER_S, done, ctx);
    if (error == LARDER_OK) {
        arm_deadline(link);
    }
    return error;
}

void peer_link_flush(struct peer_link *link) {
    struct slice output = pipeline_output(&link->pipeline);
    struct iovec piece = {(void *)(uintptr_t)output.data, output.size};
    size_t written;

    if (link->state != STATE_READY || output.size == 0 ||
        stream_write(&link->stream, &piece, 1, &written) != LARDER_OK) {
        return;
    }
    pipeline_sent(&link->pipeline, written);
    stream_want_write(&link->stream, written < output.size);
}

void peer_link_free(struct peer_link *link) {
    enum state before;

    if (link == NULL) {
        return;
    }
    before = link->state;
    link->state = STATE_FREED;
    link->down = LARDER_ERROR_CLOSED;
    timer_free(link->deadline_timer);
    timer_free(link->pause_timer);
    pipeline_fail(&link->pipeline, LARDER_ERROR_CLOSED);
    if (before == STATE_PAUSED) {
        release(link);
    } else {
        stream_close(&link->stream);
    }
}
