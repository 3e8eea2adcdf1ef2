/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/link.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/timer.h"
#include "peer/hello.h"

enum state {
    STATE_RESOLVING,
    STATE_CONNECTING,
    STATE_GREETING,
    STATE_READY,
    STATE_PAUSED, /* no stream; the step timer runs */
    STATE_FREED,  /* waits for its stream's end */
};

/* What any thread may read. */
struct published {
    _Atomic(enum peer_state) state;
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t failures;
    atomic_uint_fast64_t ejections;
    atomic_size_t pending;
};

struct peer_link {
    struct loop *loop;
    enum state state;
    enum larder_error down;  /* why there is no connection; LARDER_OK before the first failure and while there is one */
    enum larder_error fault; /* why we closed the stream ourselves */
    struct pipeline pipeline;
    struct stream stream;
    struct timer *deadline_timer;
    struct timer *step_timer; /* ends a pause, or a greeting that is not answered */
    int64_t armed_ns;         /* what deadline_timer is set to; INT64_MAX: at rest */
    uint64_t heard_before;    /* pipeline_heard when the connection was made */
    unsigned failures;        /* in a row */
    struct peer_options options;
    struct random random;
    struct resolver *resolver; /* NULL: the endpoints are known */
    struct resolution *resolution;
    struct address address;
    struct hello hello;
    struct published published;
    size_t endpoint; /* the one being tried or used */
    size_t endpoint_count;
    struct endpoint endpoints[PEER_ENDPOINTS_MAX];
};

static void connect_next(struct peer_link *link);
static void begin(struct peer_link *link);

static bool greets(const struct peer_link *link) {
    return link->options.identity != NULL;
}

static void publish(struct peer_link *link) {
    struct published *p = &link->published;
    enum peer_state state = link->down != LARDER_OK      ? PEER_EJECTED
                            : link->state == STATE_READY ? PEER_UP
                                                         : PEER_CONNECTING;

    atomic_store_explicit(&p->state, state, memory_order_relaxed);
    atomic_store_explicit(&p->failures, link->pipeline.failed, memory_order_relaxed);
    atomic_store_explicit(&p->pending, link->pipeline.waiting, memory_order_relaxed);
}

void peer_link_get_figures(const struct peer_link *link, struct peer_figures *ret_figures) {
    const struct published *p = &link->published;

    *ret_figures = (struct peer_figures){
        .state = atomic_load_explicit(&p->state, memory_order_relaxed),
        .requests = atomic_load_explicit(&p->requests, memory_order_relaxed),
        .failures = atomic_load_explicit(&p->failures, memory_order_relaxed),
        .ejections = atomic_load_explicit(&p->ejections, memory_order_relaxed),
        .pending = atomic_load_explicit(&p->pending, memory_order_relaxed),
    };
}

static void arm_deadline(struct peer_link *link) {
    int64_t deadline_ns = pipeline_deadline(&link->pipeline);

    if (deadline_ns >= link->armed_ns) {
        return;
    }
    link->armed_ns = deadline_ns;
    timer_start(link->deadline_timer, deadline_ns - loop_now_ns(link->loop), 0);
}

/* From now on requests are refused, because of `error`. */
static void set_down(struct peer_link *link, enum larder_error error) {
    if (link->down == LARDER_OK) {
        atomic_fetch_add_explicit(&link->published.ejections, 1, memory_order_relaxed);
        if (greets(link)) {
            log_warn("a node does not answer and is asked nothing until it does",
                     log_slice("node", link->options.expected), log_string("reason", larder_error_text(error)));
        }
    }
    link->down = error;
}

/* Ends all requests because of `error`. */
static void fail_requests(struct peer_link *link, enum larder_error error) {
    pipeline_fail(&link->pipeline, error, greets(link) ? LARDER_ERROR_REFUSED : error);
    publish(link);
}

/* Closes our end because of what we saw; on_close goes on from there. */
static void drop(struct peer_link *link, enum larder_error error) {
    link->fault = error;
    stream_close(&link->stream);
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
    set_down(link, error);
    timer_start(link->step_timer, next_pause_ns(link), 0);
    link->failures++;
    fail_requests(link, error);
}

/* The other node is as good as dead, whatever its kernel does for it. */
static void eject(struct peer_link *link) {
    set_down(link, LARDER_ERROR_TIMEOUT);
    if (link->state == STATE_RESOLVING) {
        resolution_forget(link->resolution);
        go_down(link, LARDER_ERROR_TIMEOUT);
    } else {
        drop(link, LARDER_ERROR_TIMEOUT);
    }
}

static void on_deadline(void *ctx) {
    struct peer_link *link = ctx;
    bool dead;

    link->armed_ns = INT64_MAX;
    dead = pipeline_expire(&link->pipeline, clock_monotonic_ns());
    if (greets(link)) {
        if (pipeline_timeouts(&link->pipeline) >= link->options.timeouts_max && link->down == LARDER_OK) {
            eject(link);
        }
    } else if (dead && link->state == STATE_READY) {
        drop(link, LARDER_ERROR_TIMEOUT);
    } else if (dead) {
        /* Not sent yet, and in vain now: a new connection must not begin with it. */
        fail_requests(link, LARDER_ERROR_TIMEOUT);
    }
    arm_deadline(link);
    publish(link);
}

static void on_step(void *ctx) {
    struct peer_link *link = ctx;

    if (link->state == STATE_GREETING) {
        drop(link, LARDER_ERROR_TIMEOUT);
    } else {
        begin(link);
    }
}

static void release(struct peer_link *link) {
    pipeline_fini(&link->pipeline);
    free(link);
}

/* A lost connection: if it was of use, a new one is made at once; but not to a node that was ejected. */
static void on_lost(struct peer_link *link, enum larder_error error) {
    bool heard = pipeline_heard(&link->pipeline) != link->heard_before;

    if (heard) {
        link->failures = 0;
    }
    if (!heard || link->down != LARDER_OK) {
        go_down(link, error);
        return;
    }
    link->state = STATE_CONNECTING;
    fail_requests(link, error);
    begin(link);
}

/* An attempt has failed: the next endpoint is tried. */
static void on_failed(struct peer_link *link, enum larder_error error) {
    timer_stop(link->step_timer);
    if (++link->endpoint < link->endpoint_count) {
        connect_next(link);
    } else {
        go_down(link, error);
    }
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
        on_failed(link, error);
        break;
    }
}

/* Sends of `output` what the kernel takes and returns how much that was. */
static size_t send_some(struct peer_link *link, struct slice output) {
    struct iovec piece = {(void *)(uintptr_t)output.data, output.size};
    size_t written;

    if (output.size == 0 || stream_write(&link->stream, &piece, 1, &written) != LARDER_OK) {
        return 0;
    }
    stream_want_write(&link->stream, written < output.size);
    return written;
}

static void come_up(struct peer_link *link) {
    if (link->down != LARDER_OK && greets(link)) {
        log_info("a node answers again", log_slice("node", link->options.expected));
    }
    link->state = STATE_READY;
    link->down = LARDER_OK;
    link->heard_before = pipeline_heard(&link->pipeline);
    peer_link_flush(link);
    publish(link);
}

static void on_connect(void *ctx) {
    struct peer_link *link = ctx;

    if (!greets(link)) {
        come_up(link);
        return;
    }
    link->state = STATE_GREETING;
    timer_start(link->step_timer, link->options.connect_timeout_ns, 0);
    hello_begin(&link->hello, link->options.identity, link->options.expected);
    hello_sent(&link->hello, send_some(link, hello_output(&link->hello)));
}

static void read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct peer_link *link = ctx;
    enum larder_error error;

    if (link->state == STATE_GREETING) {
        hello_input(&link->hello, ret_data, ret_size);
        return;
    }
    error = pipeline_input(&link->pipeline, ret_data, ret_size);
    if (error != LARDER_OK) {
        drop(link, error);
    }
}

static void on_greeting_read(struct peer_link *link, size_t size) {
    bool done;
    enum larder_error error = hello_received(&link->hello, size, &done);

    if (error != LARDER_OK) {
        drop(link, error);
    } else if (done) {
        timer_stop(link->step_timer);
        come_up(link);
    } else {
        hello_sent(&link->hello, send_some(link, hello_output(&link->hello)));
    }
}

static void on_read(void *ctx, size_t size) {
    struct peer_link *link = ctx;
    enum larder_error error;

    if (link->state == STATE_GREETING) {
        on_greeting_read(link, size);
        return;
    }
    error = pipeline_received(&link->pipeline, size);
    if (error != LARDER_OK) {
        drop(link, error);
    }
    publish(link);
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

static void on_resolved(void *ctx, enum larder_error error, const struct endpoint *endpoints, size_t count) {
    struct peer_link *link = ctx;

    link->resolution = NULL;
    if (error != LARDER_OK || count == 0) {
        go_down(link, error != LARDER_OK ? error : LARDER_ERROR_NOT_FOUND);
        return;
    }
    link->endpoint_count = count < PEER_ENDPOINTS_MAX ? count : PEER_ENDPOINTS_MAX;
    memcpy(link->endpoints, endpoints, link->endpoint_count * sizeof(*endpoints));
    connect_next(link);
}

static void begin(struct peer_link *link) {
    link->endpoint = 0;
    if (link->resolver == NULL) {
        connect_next(link);
        return;
    }
    link->state = STATE_RESOLVING;
    link->resolution = resolver_find(link->resolver, &link->address, on_resolved, link);
    if (link->resolution == NULL) {
        go_down(link, LARDER_ERROR_NO_MEMORY);
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

/* NULL: out of memory. */
static struct peer_link *link_new(struct loop *loop, const struct peer_options *options) {
    struct peer_link *link = calloc(1, sizeof(*link));

    assert(options->identity == NULL || options->timeouts_max > 0);
    if (link == NULL) {
        return NULL;
    }
    link->loop = loop;
    link->options = *options;
    set_defaults(&link->options);
    link->armed_ns = INT64_MAX;
    random_init(&link->random, options->seed);
    link->deadline_timer = timer_new(loop, on_deadline, link);
    link->step_timer = timer_new(loop, on_step, link);
    if (link->deadline_timer == NULL || link->step_timer == NULL ||
        pipeline_init(&link->pipeline, &link->options.limits) != LARDER_OK) {
        timer_free(link->deadline_timer);
        timer_free(link->step_timer);
        free(link);
        return NULL;
    }
    return link;
}

enum larder_error peer_link_new(struct loop *loop, const struct endpoint *endpoints, size_t count,
                                const struct peer_options *options, struct peer_link **ret_link) {
    struct peer_link *link = link_new(loop, options);

    assert(count > 0 && count <= PEER_ENDPOINTS_MAX);
    if (link == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    link->endpoint_count = count;
    memcpy(link->endpoints, endpoints, count * sizeof(*endpoints));
    begin(link);
    publish(link);
    *ret_link = link;
    return LARDER_OK;
}

enum larder_error peer_link_new_by_name(struct loop *loop, struct resolver *resolver, const struct address *address,
                                        const struct peer_options *options, struct peer_link **ret_link) {
    struct peer_link *link = link_new(loop, options);

    if (link == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    link->resolver = resolver;
    link->address = *address;
    begin(link);
    publish(link);
    *ret_link = link;
    return LARDER_OK;
}

enum larder_error peer_link_submit(struct peer_link *link, const struct request *request, pipeline_done_fn *done,
                                   void *ctx) {
    struct pipeline_now now = {0};
    enum larder_error error;

    assert(link->state != STATE_FREED);
    if (link->down != LARDER_OK) {
        return greets(link) ? LARDER_ERROR_REFUSED : link->down;
    }
    if (request->peer != NULL) {
        now.monotonic_ns = loop_now_ns(link->loop);
    } else {
        now.unix_s = clock_wall_ns() / CLOCK_NS_PER_S;
    }
    error = pipeline_submit(&link->pipeline, request, &now, done, ctx);
    if (error == LARDER_OK) {
        atomic_fetch_add_explicit(&link->published.requests, 1, memory_order_relaxed);
        atomic_store_explicit(&link->published.pending, link->pipeline.waiting, memory_order_relaxed);
        arm_deadline(link);
    }
    return error;
}

void peer_link_flush(struct peer_link *link) {
    if (link->state == STATE_GREETING) {
        hello_sent(&link->hello, send_some(link, hello_output(&link->hello)));
    } else if (link->state == STATE_READY) {
        size_t sent = send_some(link, pipeline_output(&link->pipeline));

        pipeline_sent(&link->pipeline, sent);
    }
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
    timer_free(link->step_timer);
    if (before == STATE_RESOLVING) {
        resolution_forget(link->resolution);
    }
    fail_requests(link, LARDER_ERROR_CLOSED);
    if (before == STATE_PAUSED || before == STATE_RESOLVING) {
        release(link);
    } else {
        stream_close(&link->stream);
    }
}
