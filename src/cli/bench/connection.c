/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bench/worker.h"

enum { CONNECT_TIMEOUT_S = 10 };

static void count_error(struct stats *stats, const struct mc_response *answer) {
    struct slice text = answer->text;

    stats->errors++;
    if (stats->first_error[0] == '\0') {
        char escaped[SLICE_ESCAPED_MAX];

        if (text.size == 0) {
            text = answer->kind == MC_RESPONSE_ERROR ? SLICE("ERROR") : SLICE("not stored");
        }
        for (size_t i = 0; i < text.size && i < STATS_ERROR_MAX - 1; i++) {
            slice_escape(slice_make(text.data + i, 1), escaped);
            stats->first_error[i] = text.data[i] == ' ' || escaped[1] == '\0' ? text.data[i] : '?';
        }
    }
}

static void count(struct connection *c, const struct pending *p, const struct mc_response *answer, bool failed) {
    struct worker *worker = c->worker;
    struct stats *stats = &worker->stats;
    uint64_t keys = worker->load->config->keys_per_get;

    stats->requests++;
    histogram_record(&stats->latency, (uint64_t)(worker->now_ns - p->start_ns));
    stats->gets += !p->work.is_set;
    stats->sets += p->work.is_set;
    if (failed) {
        count_error(stats, answer);
    } else if (!p->work.is_set) {
        stats->hits += c->hits;
        stats->misses += keys - c->hits;
        stats->bytes_asked += p->work.size;
        stats->bytes_missed += c->hits == 0 ? p->work.size : 0;
    }
}

/* The request in front has its whole answer. */
static void complete(struct connection *c, const struct mc_response *answer, bool failed) {
    struct pending *p = &c->batch[c->answered++];
    struct worker *worker = c->worker;

    if (p->counted && worker->phase == PHASE_MEASURE) {
        count(c, p, answer, failed);
    }
    if (worker->load->kind == WORKLOAD_REPLAY && !p->work.is_set && !failed && c->hits == 0) {
        c->refilling = true;
        c->refill = p->work;
        c->refill.is_set = true;
    }
    c->hits = 0;
}

/* After a prefill the sizes are known; without one the values may be anybody's. */
static void check_size(struct connection *c, const struct pending *p, size_t size) {
    const struct bench_config *config = c->worker->load->config;

    if (!config->prefill) {
        return;
    }
    if (config->keys_per_get == 1 ? size != workload_value_size(config, p->work.key)
                                  : size < config->value_size.min || size > config->value_size.max) {
        c->worker->stats.wrong_sizes++;
    }
}

static enum larder_error take_value(struct connection *c, const struct pending *p, const struct mc_response *answer) {
    if (c->hits == c->worker->load->config->keys_per_get) {
        return LARDER_ERROR_PROTOCOL;
    }
    c->hits++;
    check_size(c, p, answer->value_size);
    if (answer->kind == MC_RESPONSE_VA) {
        complete(c, answer, false);
    }
    return LARDER_OK;
}

static enum larder_error on_answer(void *ctx, const struct mc_response *answer) {
    struct connection *c = ctx;
    const struct pending *p = &c->batch[c->answered];

    if (c->answered == c->sent) {
        return LARDER_ERROR_PROTOCOL;
    }
    switch (answer->kind) {
    case MC_RESPONSE_VALUE:
    case MC_RESPONSE_VA:
        return p->work.is_set ? LARDER_ERROR_PROTOCOL : take_value(c, p, answer);
    case MC_RESPONSE_END:
    case MC_RESPONSE_EN:
        if (p->work.is_set) {
            return LARDER_ERROR_PROTOCOL;
        }
        complete(c, answer, false);
        return LARDER_OK;
    case MC_RESPONSE_STORED:
    case MC_RESPONSE_HD:
        if (!p->work.is_set) {
            return LARDER_ERROR_PROTOCOL;
        }
        complete(c, answer, false);
        return LARDER_OK;
    case MC_RESPONSE_NOT_STORED:
    case MC_RESPONSE_NS:
    case MC_RESPONSE_ERROR:
    case MC_RESPONSE_CLIENT_ERROR:
    case MC_RESPONSE_SERVER_ERROR:
        complete(c, answer, true);
        return LARDER_OK;
    default:
        return LARDER_ERROR_PROTOCOL;
    }
}

static char *encode(struct connection *c, char *at, const struct work *work) {
    struct worker *worker = c->worker;
    const struct encoder *encoder = &worker->load->encoder;
    uint64_t keys[BENCH_KEYS_PER_GET_MAX];
    uint64_t count = worker->load->config->keys_per_get;

    if (work->is_set) {
        return encode_set(encoder, at, work->key, work->size);
    }
    if (count == 1) {
        return encode_get(encoder, at, work->key);
    }
    keys[0] = work->key;
    for (uint64_t i = 1; i < count; i++) {
        keys[i] = workload_next_key(&worker->workload);
    }
    return encode_get_many(encoder, at, keys, count);
}

static bool take_work(struct connection *c, struct work *ret_work) {
    if (c->refilling) {
        c->refilling = false;
        *ret_work = c->refill;
        return true;
    }
    return worker_take(c->worker, ret_work);
}

/* Encodes as much of the batch as the scratch holds; returns the bytes. */
static size_t fill_scratch(struct connection *c) {
    struct worker *worker = c->worker;
    char *at = worker->scratch;
    char *last = worker->scratch + worker->scratch_size - worker->request_max;
    int64_t now = clock_monotonic_ns();

    while (c->to_send > 0 && at <= last) {
        struct pending *p = &c->batch[c->sent];

        if (!take_work(c, &p->work)) {
            c->to_send = 0;
            break;
        }
        p->start_ns = worker_take_due(worker, now);
        p->counted = worker->phase == PHASE_MEASURE;
        at = encode(c, at, &p->work);
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
        worker_fail(c->worker, "out of memory");
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
    error = scan_feed(&c->scanner, worker->input, size, on_answer, c);
    if (error != LARDER_OK) {
        worker_fail(worker, "an answer that does not belong to its request");
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
        worker_fail(c->worker, "%s", larder_error_text(error));
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

struct connection *connection_new(struct worker *worker) {
    struct connection *c = calloc(1, sizeof(*c) + worker->load->pipeline * sizeof(c->batch[0]));
    enum larder_error error;

    if (c == NULL) {
        worker_fail(worker, "out of memory");
        return NULL;
    }
    c->worker = worker;
    buf_init(&c->out, worker->scratch_size);
    scan_init(&c->scanner, &worker->scan_memory);
    error =
        stream_connect(&c->stream, worker->loop, worker->load->endpoint, CONNECT_TIMEOUT_S * CLOCK_NS_PER_S, &ops, c);
    if (error != LARDER_OK) {
        worker_fail(worker, "cannot open a connection: %s", larder_error_text(error));
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
