/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/link_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/loop.h"

void link_publish(struct peer_link *link) {
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

void link_fail_requests(struct peer_link *link, enum larder_error error) {
    pipeline_fail(&link->pipeline, error, link_greets(link) ? LARDER_ERROR_REFUSED : error);
    link_publish(link);
}

size_t link_send_some(struct peer_link *link, struct slice output) {
    struct iovec piece = {(void *)(uintptr_t)output.data, output.size};
    size_t written;

    if (output.size == 0 || stream_write(&link->stream, &piece, 1, &written) != LARDER_OK) {
        return 0;
    }
    stream_want_write(&link->stream, written < output.size);
    return written;
}

static void on_deadline(void *ctx) {
    struct peer_link *link = ctx;
    bool dead;

    link->armed_ns = INT64_MAX;
    dead = pipeline_expire(&link->pipeline, clock_monotonic_ns());
    if (link_greets(link)) {
        if (pipeline_timeouts(&link->pipeline) >= link->options.timeouts_max && link->down == LARDER_OK) {
            link_eject(link);
        }
    } else if (dead && link->state == STATE_READY) {
        link_drop(link, LARDER_ERROR_TIMEOUT);
    } else if (dead) {
        /* Not sent yet, and in vain now: a new connection must not begin with it. */
        link_fail_requests(link, LARDER_ERROR_TIMEOUT);
    }
    arm_deadline(link);
    link_publish(link);
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
    link->step_timer = timer_new(loop, link_on_step, link);
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
    link_begin(link);
    link_publish(link);
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
    link_begin(link);
    link_publish(link);
    *ret_link = link;
    return LARDER_OK;
}

enum larder_error peer_link_submit(struct peer_link *link, const struct request *request, pipeline_done_fn *done,
                                   void *ctx) {
    struct pipeline_now now = {0};
    enum larder_error error;

    assert(link->state != STATE_FREED);
    if (link->down != LARDER_OK) {
        return link_greets(link) ? LARDER_ERROR_REFUSED : link->down;
    }
    if (request->peer != NULL) {
        now.monotonic_ns = loop_now_ns(link->loop);
    } else {
        now.unix_s = clock_wall_ns() / CLOCK_NS_PER_S;
    }
    error = pipeline_submit(&link->pipeline, request, &now, done, ctx);
    if (error == LARDER_OK) {
        /* This thread alone writes it. */
        atomic_store_explicit(&link->published.requests,
                              atomic_load_explicit(&link->published.requests, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        atomic_store_explicit(&link->published.pending, link->pipeline.waiting, memory_order_relaxed);
        arm_deadline(link);
    }
    return error;
}

void peer_link_flush(struct peer_link *link) {
    if (link->state == STATE_GREETING) {
        hello_sent(&link->hello, link_send_some(link, hello_output(&link->hello)));
    } else if (link->state == STATE_READY) {
        size_t sent = link_send_some(link, pipeline_output(&link->pipeline));

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
    link_fail_requests(link, LARDER_ERROR_CLOSED);
    if (before == STATE_PAUSED || before == STATE_RESOLVING) {
        link_release(link);
    } else {
        stream_close(&link->stream);
    }
}
