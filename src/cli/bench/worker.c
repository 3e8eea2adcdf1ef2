/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/bench/connection.h"
#include "cli/bench/dialect.h"
#include "net/loop.h"
#include "net/ticker.h"

enum { SCRATCH_BYTES = 256 * 1024, FINEST_TICK_NS = 20000 };

void worker_fail(struct worker *worker, size_t node, const char *format, ...) {
    va_list arguments;

    if (atomic_load(&worker->failed) || atomic_load(&worker->load->phase) == PHASE_OVER) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(worker->message, sizeof(worker->message), format, arguments);
    va_end(arguments);
    worker->failed_node = node;
    atomic_store(&worker->failed, true);
    loop_stop(worker->loop);
}

void worker_look(struct worker *worker) {
    worker->now_ns = clock_monotonic_ns();
    worker->phase = (enum phase)atomic_load_explicit(&worker->load->phase, memory_order_acquire);
}

bool worker_take(struct worker *worker, struct connection *connection, struct pending *pending) {
    bool limited = worker->load->quota > 0 && worker->phase == PHASE_MEASURE;

    if (worker->phase == PHASE_OVER || (limited && worker->left == 0) ||
        !worker->load->dialect->take(connection, pending)) {
        worker->exhausted = true;
        return false;
    }
    worker->left -= limited;
    return true;
}

int64_t worker_take_due(struct worker *worker, int64_t now_ns) {
    int64_t due = (int64_t)worker->due_ns;

    if (worker->gap_ns == 0.0) {
        return now_ns;
    }
    worker->due_ns += worker->gap_ns;
    return due;
}

static uint64_t count_due(const struct worker *worker) {
    double behind = (double)worker->now_ns - worker->due_ns;

    return behind < 0.0 ? 0 : (uint64_t)(behind / worker->gap_ns) + 1;
}

static void push_idle(struct worker *worker, struct connection *connection) {
    connection->next_idle = NULL;
    if (worker->idle_first == NULL) {
        worker->idle_first = connection;
    } else {
        worker->idle_last->next_idle = connection;
    }
    worker->idle_last = connection;
}

static void finish_if_done(struct worker *worker) {
    if (worker->active == 0 && worker->exhausted && !atomic_load(&worker->finished)) {
        worker->finished_ns = worker->now_ns;
        atomic_store(&worker->finished, true);
    }
}

static void begin(struct worker *worker, struct connection *connection, uint64_t count) {
    worker->active++;
    if (!connection_begin(connection, count)) {
        worker->active--;
    }
    finish_if_done(worker);
}

/* Gives the requests that are due to the connections that have been idle longest. */
static void send_due(struct worker *worker) {
    uint64_t due = count_due(worker);

    while (due > 0 && worker->idle_first != NULL && !worker->exhausted) {
        struct connection *connection = worker->idle_first;
        uint64_t count = due < worker->load->pipeline ? due : worker->load->pipeline;

        worker->idle_first = connection->next_idle;
        due -= count;
        begin(worker, connection, count);
    }
}

void worker_next(struct worker *worker, struct connection *connection) {
    worker->active--;
    if (worker->gap_ns == 0.0 || connection->refilling) {
        begin(worker, connection, worker->load->pipeline);
        return;
    }
    push_idle(worker, connection);
    send_due(worker);
    finish_if_done(worker);
}

static void on_tick(void *ctx) {
    struct worker *worker = ctx;

    worker_look(worker);
    send_due(worker);
}

static void start_ticking(struct worker *worker) {
    for (uint64_t i = 0; i < worker->connection_count; i++) {
        push_idle(worker, worker->connections[i]);
    }
    worker->due_ns =
        (double)worker->now_ns + worker->gap_ns * (double)(worker->index + 1) / (double)worker->load->config->threads;
    worker->ticker = ticker_new(
        worker->loop, worker->gap_ns < FINEST_TICK_NS ? FINEST_TICK_NS : (int64_t)worker->gap_ns, on_tick, worker);
    if (worker->ticker == NULL) {
        worker_fail(worker, 0, "no descriptor for a timer");
    }
}

static void on_go(struct mailbox_message *message) {
    struct worker *worker = (struct worker *)((char *)message - offsetof(struct worker, start));

    worker_look(worker);
    if (worker->gap_ns > 0.0) {
        start_ticking(worker);
        return;
    }
    for (uint64_t i = 0; i < worker->connection_count; i++) {
        begin(worker, worker->connections[i], worker->load->pipeline);
    }
}

static void *run(void *arg) {
    struct worker *worker = arg;

    for (uint64_t i = 0; i < worker->connection_count; i++) {
        worker->connections[i] = connection_new(worker, (worker->index + i) % worker->load->subject_count);
        if (worker->connections[i] == NULL) {
            worker->connection_count = i;
            break;
        }
    }
    loop_run(worker->loop);
    return NULL;
}

/* The share of worker `index` when `total` is dealt to `workers`. */
static uint64_t share(uint64_t total, uint64_t workers, uint64_t index) {
    return total / workers + (index < total % workers);
}

static void release(struct worker *worker) {
    mailbox_free(worker->mailbox);
    ticker_free(worker->ticker);
    if (worker->loop != NULL) {
        loop_free(worker->loop);
    }
    for (uint64_t i = 0; i < worker->connection_count; i++) {
        if (worker->connections[i] != NULL) {
            connection_free(worker->connections[i]);
        }
    }
    free(worker->connections);
    free(worker->input);
    free(worker->scratch);
}

static bool allocate(struct worker *worker) {
    const struct load *load = worker->load;

    worker->connection_count = share(load->connections, load->config->threads, worker->index);
    worker->request_max = load->dialect->request_max(load);
    worker->scratch_size = worker->request_max + SCRATCH_BYTES;
    worker->connections = calloc(worker->connection_count, sizeof(struct connection *));
    worker->input = malloc(WORKER_INPUT_BYTES);
    worker->scratch = malloc(worker->scratch_size);
    worker->loop = loop_new();
    worker->mailbox = worker->loop == NULL ? NULL : mailbox_new(worker->loop);
    return worker->connections != NULL && worker->input != NULL && worker->scratch != NULL && worker->mailbox != NULL;
}

enum larder_error worker_start(struct worker *worker, struct load *load, uint64_t index) {
    worker->load = load;
    worker->index = index;
    worker->start.run = on_go;
    worker->left = share(load->quota, load->config->threads, index);
    worker->gap_ns =
        load->rate == 0 ? 0.0 : (double)CLOCK_NS_PER_S * (double)load->config->threads / (double)load->rate;
    stats_init(&worker->stats);
    workload_init(&worker->workload, load->kind, load->config, load->trace, index);
    if (!allocate(worker)) {
        worker->connection_count = worker->connections == NULL ? 0 : worker->connection_count;
        release(worker);
        return LARDER_ERROR_NO_MEMORY;
    }
    if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
        release(worker);
        return LARDER_ERROR_LIMIT;
    }
    return LARDER_OK;
}

void worker_go(struct worker *worker) {
    mailbox_post(worker->mailbox, &worker->start);
}

void worker_finish(struct worker *worker) {
    loop_stop(worker->loop);
    pthread_join(worker->thread, NULL);
    for (uint64_t i = 0; i < worker->connection_count; i++) {
        connection_close(worker->connections[i]);
    }
    release(worker);
}
