/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/node_pools.h"
#include "daemon/node_ring.h"
#include "daemon/node_rpc.h"
#include "daemon/node_store.h"
#include "daemon/node_trace.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "group/shared.h"
#include "library/tracer.h"
#include "proto/memcached/command.h"
#include "ring/heat_board.h"

enum {
    SWEEP_INTERVAL_MS = 250,
    SWEEP_STEPS = 64,          /* between two looks at what else there is to do */
    DESCRIPTORS_RESERVED = 64, /* for listeners, loops, logs */
    ARENAS = 2,                /* malloc's: what it keeps for each thread would not pay here */
    MAPPED_FROM = 4 << 20,     /* pieces of memory of so many bytes go back to the system at once */
    ARENA_KEPT_MAX = 8 << 20,  /* bytes at the end of an arena that do not */
};

/* A socket on its way to its worker. */
struct dealt {
    struct mailbox_message message;
    struct worker *worker;
    int fd;
};

struct worker_telemetry *node_telemetry(struct node *node) {
    return telemetry_worker(node->telemetry, node->worker_count);
}

void node_connection_gone(struct node *node) {
    atomic_fetch_sub(&node->connections, 1);
}

static void run_dealt(struct mailbox_message *message) {
    struct dealt *dealt = (struct dealt *)(void *)message;

    worker_accept(dealt->worker, dealt->fd);
    free(dealt);
}

static void turn_away(struct node *node, int fd) {
    const struct slice line = MC_ERROR_TOO_MANY;

    telemetry_count(node_telemetry(node), COUNTER_REJECTED_MAX_CONNS, 1);
    telemetry_count(node_telemetry(node), COUNTER_LIMIT_MAX_CONNS, 1);
    (void)!send(fd, line.data, line.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

void node_deal(struct node *node, int fd) {
    struct dealt *dealt;

    if (atomic_load(&node->connections) >= node->options->max_conns || (dealt = malloc(sizeof(*dealt))) == NULL) {
        turn_away(node, fd);
        return;
    }
    atomic_fetch_add(&node->connections, 1);
    dealt->message.run = run_dealt;
    dealt->worker = &node->workers[node->next_worker];
    dealt->fd = fd;
    node->next_worker = (node->next_worker + 1) % node->worker_count;
    mailbox_post(dealt->worker->mailbox, &dealt->message);
}

/* In a cluster every node takes part. */
static void flush(struct node *node) {
    if (node->shared.shared != NULL) {
        shared_purge_unattended(node->shared.shared, SLICE("*"));
    } else {
        origin_void(&node->origin, GROUP_MAX, SLICE(""));
        table_clear(&node->table);
    }
}

static void flush_if_due(struct node *node, uint32_t now) {
    uint32_t flush_at = atomic_load(&node->shared.flush_at);

    if (flush_at != 0 && flush_at <= now && atomic_compare_exchange_strong(&node->shared.flush_at, &flush_at, 0)) {
        flush(node);
    }
}

/* The table's housekeeping: one round over it each second, in pieces, between which the control thread does its other
 * work. */
static void sweep(void *ctx) {
    struct node *node = ctx;
    uint32_t now = cmd_table_seconds(&node->shared, clock_monotonic_ns());
    int64_t delay_ns = SWEEP_INTERVAL_MS * CLOCK_NS_PER_MS;

    flush_if_due(node, now);
    if (node->swept_at != now) {
        if (table_sweep_some(&node->table, now, SWEEP_STEPS)) {
            delay_ns = CLOCK_NS_PER_MS;
        } else {
            node->swept_at = now;
        }
    }
    if (node_ring_sweep(node, SWEEP_STEPS)) {
        delay_ns = CLOCK_NS_PER_MS;
    }
    timer_start(node->sweep_timer, delay_ns, 0);
}

static void run_all_drained(struct mailbox_message *message) {
    struct node *node = (struct node *)(void *)((char *)message - offsetof(struct node, drained_message));

    loop_stop(node->loop);
}

void node_worker_drained(struct node *node) {
    if (atomic_fetch_sub(&node->undrained, 1) == 1) {
        node->drained_message.run = run_all_drained;
        mailbox_post(node->mailbox, &node->drained_message);
    }
}

static void run_drain(struct mailbox_message *message) {
    struct dealt *order = (struct dealt *)(void *)message;

    worker_drain(order->worker);
    free(order);
}

static void drain_timed_out(void *ctx) {
    struct node *node = ctx;

    telemetry_count(node_telemetry(node), COUNTER_LIMIT_DRAIN_TIMEOUT, 1);
    log_warn("drain-timeout is over, closing what is left", log_number("connections", atomic_load(&node->connections)));
    loop_stop(node->loop);
}

static void begin_drain(struct node *node) {
    if (atomic_exchange(&node->shared.draining, true)) {
        return;
    }
    log_info("draining", log_number("connections", atomic_load(&node->connections)));
    notify_stopping();
    listeners_close(&node->listeners);
    atomic_store(&node->undrained, node->worker_count);
    timer_start(node->drain_timer, (int64_t)node->options->drain_timeout_ns, 0);
    for (unsigned i = 0; i < node->worker_count; i++) {
        struct dealt *order = malloc(sizeof(*order));

        if (order == NULL) {
            continue; /* the drain timer ends it */
        }
        order->message.run = run_drain;
        order->worker = &node->workers[i];
        mailbox_post(order->worker->mailbox, &order->message);
    }
}

static bool is_asked_again(struct node *node) {
    bool again = node->ending;

    node->ending = true;
    return again;
}

static void on_signal(void *ctx, int number) {
    struct node *node = ctx;

    if (number == SIGHUP) {
        reload_begin(node);
    } else if (is_asked_again(node) || (!node_ring_leave(node, begin_drain) && !node_pools_leave(node, begin_drain))) {
        begin_drain(node); /* asked again, it does not wait any longer */
    }
}

/* As many descriptors as max-conns needs, if the system lets us. */
static void raise_descriptor_limit(uint64_t connections) {
    struct rlimit limit;
    rlim_t need = connections + DESCRIPTORS_RESERVED;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) {
        return;
    }
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need) {
        const struct rlimit raised = {.rlim_cur = need, .rlim_max = need};

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            return;
        }
        log_warn("the system allows fewer open files than max-conns needs",
                 log_number("allowed", (int64_t)limit.rlim_max), log_number("needed", (int64_t)need));
        need = limit.rlim_max;
    }
    limit.rlim_cur = need;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool start_table(struct node *node) {
    const struct options *o = node->options;
    const struct table_config config = {
        .memory = o->memory,
        .max_item = o->max_item,
        .seed = random_os_seed(),
        .cas_seed = o->cluster != NULL ? random_os_seed() : 0,
    };
    enum larder_error error = table_init(&node->table, &config);

    if (error != LARDER_OK) {
        log_error("cannot set up the table", log_string("reason", larder_error_text(error)),
                  log_number("memory", (int64_t)o->memory));
        return false;
    }
    node->shared.table = &node->table;
    return true;
}

static bool start_origin(struct node *node) {
    if (origin_init(&node->origin, &node->table, node->shared.start_ns, node->worker_count) != LARDER_OK) {
        return false;
    }
    node->shared.origin = &node->origin;
    return true;
}

static bool start_heat(struct node *node) {
    return node->options->hot_rate == 0 ||
           heat_board_new(node->worker_count, (double)node->options->hot_rate, &node->shared.heat_board) == LARDER_OK;
}

static bool start_shared(struct node *node) {
    const struct options *o = node->options;
    struct cmd_node *shared = &node->shared;

    node->telemetry = telemetry_new(node->worker_count + 1);
    shared->telemetry = node->telemetry;
    shared->start_ns = clock_monotonic_ns();
    shared->start_wall_ns = clock_wall_ns();
    shared->memory = o->memory;
    shared->max_item = o->max_item;
    shared->max_conns = o->max_conns;
    shared->max_watchers = o->max_watchers;
    shared->max_pending_writes = o->max_pending_writes;
    shared->workers = node->worker_count;
    return node->telemetry != NULL && start_table(node) && start_origin(node) && start_heat(node) &&
           group_set_build(o->groups, o->group_count, o->max_item, NULL, &node->groups) == LARDER_OK;
}

static bool start_workers(struct node *node) {
    const struct options *o = node->options;
    const struct worker_limits limits = {
        .max_line = o->max_line,
        .max_output = o->max_output,
        .http_hosts = o->http_hosts != NULL ? slice_from_string(o->http_hosts) : SLICE(""),
        .idle_timeout_ns = (int64_t)o->idle_timeout_ns,
        .value_timeout_ns = (int64_t)o->value_timeout_ns,
        .hot_per_s = o->hot_rate,
    };

    node->workers = calloc(node->worker_count, sizeof(*node->workers));
    for (unsigned i = 0; node->workers != NULL && i < node->worker_count; i++) {
        const struct cmd_context context = {
            .node = &node->shared,
            .telemetry = telemetry_worker(node->telemetry, i),
            .groups = node->groups,
            .tracer = node->tracer != NULL ? &node->tracer->tracer : NULL,
        };

        if (worker_init(&node->workers[i], node, &context, &limits) != LARDER_OK) {
            return false;
        }
        node->started = i + 1;
        node->workers[i].sessions.patrols = i == 0;
        if (worker_start(&node->workers[i]) != LARDER_OK) {
            worker_fini(&node->workers[i]);
            node->started = i;
            return false;
        }
    }
    return node->workers != NULL;
}

static bool start_control(struct node *node) {
    node->loop = loop_new();
    if (node->loop == NULL) {
        return false;
    }
    node->mailbox = mailbox_new(node->loop);
    node->signals = signal_watch_new(node->loop, on_signal, node);
    node->sweep_timer = timer_new(node->loop, sweep, node);
    node->drain_timer = timer_new(node->loop, drain_timed_out, node);
    if (node->mailbox == NULL || node->signals == NULL || node->sweep_timer == NULL || node->drain_timer == NULL) {
        return false;
    }
    timer_start(node->sweep_timer, SWEEP_INTERVAL_MS * CLOCK_NS_PER_MS, 0);
    return true;
}

/* Left alone, malloc raises both bounds with the largest piece that was ever freed, up to 64 MiB for each arena. */
static void bound_malloc(void) {
    mallopt(M_ARENA_MAX, ARENAS);
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
    mallopt(M_TRIM_THRESHOLD, ARENA_KEPT_MAX);
}

static bool start(struct node *node) {
    bound_malloc();
    raise_descriptor_limit(node->options->max_conns);
    if (!node_trace_start(node)) {
        return false;
    }
    if (!start_control(node) || !start_shared(node)) {
        log_error("cannot start: out of memory or descriptors");
        return false;
    }
    if (!node_store_open(node) || !node_rpc_open(node)) {
        return false;
    }
    /* Nobody is accepted before the control thread runs; but who a node is in its cluster may depend on the ports it got. */
    if (!listeners_open(&node->listeners, node) || !node_ring_open(node) || !node_pools_open(node)) {
        return false;
    }
    if (!start_workers(node)) {
        log_error("cannot start: out of memory, descriptors or threads");
        return false;
    }
    return node_rpc_announce(node);
}

/* Who asks once more for what is almost done shall not end the process before it: its exit status would be another. No
 * thread is left but this one, so the signals wait for ever. */
static void block_signals(void) {
    sigset_t asked;

    sigemptyset(&asked);
    sigaddset(&asked, SIGTERM);
    sigaddset(&asked, SIGINT);
    sigaddset(&asked, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &asked, NULL);
}

/* What one worker's load ends with may be what another's request waits for, and lets that one ask for itself. */
static void end_loads(struct node *node) {
    bool any;

    for (unsigned i = 0; i < node->started; i++) {
        worker_end_loads(&node->workers[i]);
    }
    do {
        any = false;
        for (unsigned i = 0; i < node->started; i++) {
            any = worker_settle(&node->workers[i]) || any;
        }
    } while (any);
}

static void stop(struct node *node) {
    listeners_close(&node->listeners);
    for (unsigned i = 0; i < node->started; i++) {
        worker_join(&node->workers[i]);
    }
    node_rpc_stop(node);
    end_loads(node);
    node_ring_stop(node);
    node_pools_stop(node);
    node_store_close(node);
    node_ring_end(node);
    node_pools_end(node);
    for (unsigned i = 0; i < node->started; i++) {
        worker_fini(&node->workers[i]);
    }
    free(node->workers);
    node_store_free(node);
    node_rpc_free(node);
    if (node->loop != NULL) {
        mailbox_free(node->mailbox);
        node_ring_free(node); /* nobody wakes them any more */
        node_pools_free(node);
        reload_cancel(node);
        block_signals();
        signal_watch_free(node->signals);
        timer_free(node->sweep_timer);
        timer_free(node->drain_timer);
        loop_free(node->loop);
    }
    group_set_free(node->groups);
    origin_fini(&node->origin);
    if (node->shared.table != NULL) {
        table_fini(&node->table);
    }
    heat_board_free(node->shared.heat_board);
    node_trace_end(node);
    telemetry_free(node->telemetry);
}

int node_run(const struct options *options, int argc, char *const *argv, char *const *environment) {
    struct node node = {
        .options = options,
        .worker_count = (unsigned)options->threads,
        .argc = argc,
        .argv = argv,
        .environment = environment,
    };
    bool started = start(&node);

    if (started) {
        log_info("ready", log_number("threads", node.worker_count), log_number("memory", (int64_t)options->memory));
        notify_ready();
        node_ring_start(&node);
        node_pools_start(&node);
        loop_run(node.loop);
        log_info("ended");
    }
    stop(&node);
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}
