/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/link_internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "net/loop.h"

static void connect_next(struct peer_link *link);

/* From now on requests are refused, because of `error`. */
static void set_down(struct peer_link *link, enum larder_error error) {
    if (link->down == LARDER_OK) {
        atomic_fetch_add_explicit(&link->published.ejections, 1, memory_order_relaxed);
        if (link_greets(link)) {
            log_warn("a node does not answer and is asked nothing until it does",
                     log_slice("node", link->options.expected), log_string("reason", larder_error_text(error)));
        }
    }
    link->down = error;
}

void link_drop(struct peer_link *link, enum larder_error error) {
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
    link_fail_requests(link, error);
}

void link_eject(struct peer_link *link) {
    set_down(link, LARDER_ERROR_TIMEOUT);
    if (link->state == STATE_RESOLVING) {
        resolution_forget(link->resolution);
        go_down(link, LARDER_ERROR_TIMEOUT);
    } else {
        link_drop(link, LARDER_ERROR_TIMEOUT);
    }
}

void link_on_step(void *ctx) {
    struct peer_link *link = ctx;

    if (link->state == STATE_GREETING) {
        link_drop(link, LARDER_ERROR_TIMEOUT);
    } else {
        link_begin(link);
    }
}

void link_release(struct peer_link *link) {
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
    link_fail_requests(link, error);
    link_begin(link);
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
        link_release(link);
        break;
    case STATE_READY:
        on_lost(link, error);
        break;
    default:
        on_failed(link, error);
        break;
    }
}

static void come_up(struct peer_link *link) {
    if (link->down != LARDER_OK && link_greets(link)) {
        log_info("a node answers again", log_slice("node", link->options.expected));
    }
    link->state = STATE_READY;
    link->down = LARDER_OK;
    link->heard_before = pipeline_heard(&link->pipeline);
    peer_link_flush(link);
    link_publish(link);
}

static void on_connect(void *ctx) {
    struct peer_link *link = ctx;

    if (!link_greets(link)) {
        come_up(link);
        return;
    }
    link->state = STATE_GREETING;
    timer_start(link->step_timer, link->options.connect_timeout_ns, 0);
    hello_begin(&link->hello, link->options.identity, link->options.expected);
    hello_sent(&link->hello, link_send_some(link, hello_output(&link->hello)));
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
        link_drop(link, error);
    }
}

static void on_greeting_read(struct peer_link *link, size_t size) {
    bool done;
    enum larder_error error = hello_received(&link->hello, size, &done);

    if (error != LARDER_OK) {
        link_drop(link, error);
    } else if (done) {
        timer_stop(link->step_timer);
        come_up(link);
    } else {
        hello_sent(&link->hello, link_send_some(link, hello_output(&link->hello)));
    }
}

static void on_read(void *ctx, size_t size) {
    struct peer_link *link = ctx;
    enum larder_error error;

    if (link->state == STATE_GREETING) {
        on_greeting_read(link, size);
        return;
    }
    if (link->options.on_input != NULL) {
        link->options.on_input(link->options.ctx);
    }
    error = pipeline_received(&link->pipeline, size);
    if (error != LARDER_OK) {
        link_drop(link, error);
    }
    link_publish(link);
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

void link_begin(struct peer_link *link) {
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
