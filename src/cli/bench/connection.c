/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/connection.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cli/bench/dialect.h"
#include "cli/bench/worker.h"

enum { CONNECT_TIMEOUT_S = 10 };

struct pending *connection_front(struct connection *c) {
    return c->answered == c->sent ? NULL : &c->batch[c->answered];
}

void connection_pop(struct connection *c) {
    c->answered++;
}

/* Encodes as much of the batch as the scratch holds; returns the bytes. */
static size_t fill_scratch(struct connection *c) {
    struct worker *worker = c->worker;
    char *at = worker->scratch;
    char *last = worker->scratch + worker->scratch_size - worker->request_max;
    int64_t now = clock_monotonic_ns();

    while (c->to_send > 0 && at <= last) {
        struct pending *p = &c->batch[c->sent];

        if (!worker_take(worker, c, p)) {
            c->to_send = 0;
            break;
        }
        p->start_ns = worker_take_due(worker, now);
        p->counted = worker->phase == PHASE_MEASURE;
        at = worker->load->dialect->encode(c, at, p);
        c->to_send--;
        c->sent++;
    }
    return (size_t)(at - worker->scratch);
}

/* Writes `data`, keeps what the kernel does not take. True: all is gone and there may be more. */
static bool write_or_keep(struct connection *c, char *data, size_t size) {
    struct iovec piece = {data, size};
    size_t written;

    if (stream_write(&c->stream, &piece, 1, &written) != LARDER_OK) {
        return false; /* on_close follows */
    }
    if (c->worker->phase == PHASE_MEASURE) {
        c->worker->stats.bytes_written += written;
    }
    if (written == size) {
        return true;
    }
    if (buf_append(&c->out, data + written, size - written) != LARDER_OK) {
        worker_fail(c->worker, c->node, "out of memory");
        return false;
    }
    stream_want_write(&c->stream, true);
    return false;
}

static void send_batch(struct connection *c) {
    size_t size;

    while (c->to_send > 0) {
        size = fill_scratch(c);
        if (size == 0 || !write_or_keep(c, c->worker->scratch, size)) {
            return;
        }
    }
}

bool connection_begin(struct connection *c, uint64_t count_of_requests) {
    c->sent = 0;
    c->answered = 0;
    c->to_send = count_of_requests;
    send_batch(c);
    return c->sent > 0;
}

static void on_writable(void *ctx) {
    struct connection *c = ctx;
    struct iovec piece = {c->out.data, c->out.size};
    size_t written;

    worker_look(c->worker);
    if (stream_write(&c->stream, &piece, 1, &written) != LARDER_OK) {
        return;
    }
    if (c->worker->phase == PHASE_MEASURE) {
        c->worker->stats.bytes_written += written;
    }
    buf_consume(&c->out, written);
    if (c->out.size == 0) {
        stream_want_write(&c->stream, false);
        send_batch(c);
    }
}

static void read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct connection *c = ctx;

    *ret_data = c->worker->input;
    *ret_size = WORKER_INPUT_BYTES;
}

static void on_read(void *ctx, size_t size) {
    struct connection *c = ctx;
    struct worker *worker = c->worker;
    uint64_t before = c->answered;
    enum larder_error error;

    worker_look(worker);
    if (worker->phase == PHASE_MEASURE) {
        worker->stats.bytes_read += size;
    }
    error = worker->load->dialect->feed(c, worker->input, size);
    if (error != LARDER_OK) {
        worker_fail(worker, c->node, "%s",
                    error == LARDER_ERROR_CLOSED ? "the server ends a connection"
                                                 : "an answer that does not belong to its request");
        return;
    }
    atomic_store_explicit(&worker->done,
                          atomic_load_explicit(&worker->done, memory_order_relaxed) + (c->answered - before),
                          memory_order_relaxed);
    if (c->answered == c->sent && c->to_send == 0 && c->out.size == 0) {
        worker_next(worker, c);
    }
}

static void on_close(void *ctx, enum larder_error error) {
    struct connection *c = ctx;

    if (error != LARDER_OK) {
        worker_fail(c->worker, c->node, "%s", larder_error_text(error));
    }
}

static void on_connect(void *ctx) {
    struct connection *c = ctx;

    atomic_fetch_add_explicit(&c->worker->connected, 1, memory_order_relaxed);
}

static const struct stream_ops ops = {
    .read_buffer = read_buffer,
    .on_read = on_read,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_connect = on_connect,
};

struct connection *connection_new(struct worker *worker, size_t node) {
    struct connection *c = calloc(1, sizeof(*c) + worker->load->pipeline * sizeof(c->batch[0]));
    enum larder_error error;

    if (c == NULL) {
        worker_fail(worker, node, "out of memory");
        return NULL;
    }
    c->worker = worker;
    c->node = node;
    buf_init(&c->out, worker->scratch_size);
    worker->load->dialect->open(c);
    error = stream_connect(&c->stream, worker->loop, &worker->load->subjects[node].endpoint,
                           CONNECT_TIMEOUT_S * CLOCK_NS_PER_S, &ops, c);
    if (error != LARDER_OK) {
        worker_fail(worker, node, "cannot open a connection: %s", larder_error_text(error));
        free(c);
        return NULL;
    }
    return c;
}

void connection_close(struct connection *c) {
    stream_close(&c->stream);
}

void connection_free(struct connection *c) {
    buf_fini(&c->out);
    free(c);
}
