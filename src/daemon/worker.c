/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "daemon/node.h"
#include "daemon/node_ring.h"
#include "group/shared.h"
#include "ring/heat_board.h"

enum { REST_ROUNDS = 16, IDLE_CHECK_MS = 1000, LINGER_S = 2 /* for the client to read our last words and close */ };

/* Whether the connection has been silent for too long, and which limit says so. */
static bool is_overdue(const struct worker *w, const struct connection *c, int64_t now, enum counter *ret_limit) {
    int64_t silent = now - c->active_ns;

    if (session_takes_body(&c->session) && silent >= w->value_timeout_ns) {
        *ret_limit = COUNTER_LIMIT_VALUE_TIMEOUT;
        return true;
    }
    *ret_limit = COUNTER_LIMIT_IDLE_TIMEOUT;
    return w->idle_timeout_ns > 0 && silent >= w->idle_timeout_ns && !session_is_waiting(&c->session) &&
           !session_is_watching(&c->session) && !session_is_peer(&c->session);
}

static void close_overdue(void *ctx) {
    struct worker *w = ctx;
    int64_t now = clock_monotonic_ns();

    for (struct connection *c = w->connections, *next; c != NULL; c = next) {
        enum counter limit;

        next = c->next;
        if (c->lingering) {
            if (now - c->active_ns >= LINGER_S * CLOCK_NS_PER_S) {
                connection_abort(c);
            }
        } else if (!stream_closing(&c->stream) && is_overdue(w, c, now, &limit)) {
            telemetry_count(w->sessions.context.telemetry, limit, 1);
            connection_abort(c);
        }
    }
}

/* The worker whose thread this is. */
static _Thread_local const struct worker *current;

/* A message may be posted again only once it is run, and a tick may take in the replies while it is still in the mailbox. */
void worker_wake(struct worker *w) {
    if (!atomic_exchange(&w->waking, true)) {
        mailbox_post(w->mailbox, &w->completed);
    }
}

/* Any thread: a reply has come. Our own thread looks by itself before it rests. */
static void wake(void *ctx) {
    if (current != ctx) {
        worker_wake(ctx);
    }
}

/* Takes in all replies that have come by now; each is booked with its own time. */
static void complete(struct worker *w) {
    cmd_context_set_now(&w->sessions.context, clock_monotonic_ns());
    worker_ring_begin(w);
    session_worker_complete(&w->sessions);
    worker_watch_deadline(w);
}

/* Replies that have come on this thread, of what was asked of other nodes perhaps, and then what all requests of the turn
 * have to ask of other nodes, in one go. */
static void before_rest(void *ctx) {
    struct worker *w = ctx;
    struct pending_queue *completions = &w->sessions.completions;

    session_worker_run_ready(&w->sessions);
    for (int i = 0; i < REST_ROUNDS && !pending_queue_is_empty(completions); i++) {
        complete(w);
    }
    if (!pending_queue_is_empty(completions)) {
        worker_wake(w);
    }
    if (w->sessions.context.shared_worker != NULL) {
        shared_worker_flush(w->sessions.context.shared_worker);
        worker_watch_deadline(w);
    }
}

/* Whoever wants to know what is hot reads it off there. */
static void put_up_heat(struct worker *w) {
    struct heat_list *list;

    if (w->heat != NULL && heat_list(w->heat, w->sessions.context.now_ns, &list) == LARDER_OK) {
        heat_board_put(w->node->shared.heat_board, (unsigned)(w - w->node->workers), list);
    }
}

static void tick(void *ctx) {
    struct worker *w = ctx;

    close_overdue(w);
    cmd_context_set_now(&w->sessions.context, clock_monotonic_ns());
    put_up_heat(w);
    session_worker_tick(&w->sessions);
}

static void on_deadline(void *ctx) {
    struct worker *w = ctx;

    w->deadline_ns = INT64_MAX;
    cmd_context_set_now(&w->sessions.context, clock_monotonic_ns());
    session_worker_expire(&w->sessions);
    worker_ring_expire(w);
    worker_watch_deadline(w);
}

/* The timer that runs already is left alone if it is soon enough: most calls end long before their deadline. */
void worker_watch_deadline(struct worker *w) {
    int64_t deadline_ns = session_worker_deadline(&w->sessions);
    int64_t ring_ns = worker_ring_deadline(w);

    deadline_ns = ring_ns < deadline_ns ? ring_ns : deadline_ns;
    if (deadline_ns < w->deadline_ns) {
        w->deadline_ns = deadline_ns;
        timer_start(w->deadline_timer, deadline_ns - w->sessions.context.now_ns, 0);
    }
}

static bool start_idle_timer(struct worker *w) {
    w->idle_timer = timer_new(w->loop, tick, w);
    if (w->idle_timer == NULL) {
        return false;
    }
    timer_start(w->idle_timer, IDLE_CHECK_MS * CLOCK_NS_PER_MS, IDLE_CHECK_MS * CLOCK_NS_PER_MS);
    return true;
}

static void run_completed(struct mailbox_message *message) {
    struct worker *w = (struct worker *)(void *)((char *)message - offsetof(struct worker, completed));

    atomic_store(&w->waking, false);
    complete(w);
}

static void await_replies(struct worker *w) {
    w->completed.run = run_completed;
    w->sessions.completions.wake = wake;
    w->sessions.completions.ctx = w;
    w->sessions.on_ready = connection_ready;
    loop_set_rest(w->loop, before_rest, w);
}

static enum larder_error start_heat(struct worker *w, uint64_t hot_per_s) {
    const struct heat_config config = {
        .sample = HEAT_SAMPLE,
        .half_life_ns = HEAT_HALF_LIFE_MS * CLOCK_NS_PER_MS,
        .hot_per_s = (double)hot_per_s / w->node->worker_count,
        .seed = random_os_seed(),
    };
    enum larder_error error;

    if (hot_per_s == 0) {
        return LARDER_OK;
    }
    error = heat_new(&config, clock_monotonic_ns(), &w->heat);
    w->sessions.context.heat = w->heat;
    w->shared.heat = w->heat;
    return error;
}

enum larder_error worker_init(struct worker *w, struct node *node, const struct cmd_context *context,
                              const struct worker_limits *limits) {
    *w = (struct worker){
        .node = node,
        .idle_timeout_ns = limits->idle_timeout_ns,
        .value_timeout_ns = limits->value_timeout_ns,
        .deadline_ns = INT64_MAX,
    };
    if (!session_worker_init(&w->sessions, context, &node->rpc, limits->max_line, limits->max_output) ||
        (w->loop = loop_new()) == NULL || (w->mailbox = mailbox_new(w->loop)) == NULL ||
        (w->deadline_timer = timer_new(w->loop, on_deadline, w)) == NULL || !start_idle_timer(w) ||
        worker_ring_init(w) != LARDER_OK || start_heat(w, limits->hot_per_s) != LARDER_OK) {
        worker_fini(w);
        return LARDER_ERROR_NO_MEMORY;
    }
    w->sessions.hosts = limits->http_hosts;
    w->origin = (struct origin_worker){
        .origin = &node->origin,
        .groups = &w->sessions.context.groups,
        .telemetry = context->telemetry,
        .shared = w->shared.shared != NULL ? &w->shared : NULL,
        .loop = w->loop,
        .fetch = origin_fetch,
        .tracer = context->tracer,
    };
    w->sessions.context.origin_worker = &w->origin;
    await_replies(w);
    return LARDER_OK;
}

static void *thread_main(void *ctx) {
    struct worker *w = ctx;

    current = w;
    loop_run(w->loop);
    current = NULL;
    return NULL;
}

enum larder_error worker_start(struct worker *w) {
    sigset_t all;
    sigset_t before;
    int failed;

    /* Signals are the control thread's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&w->thread, NULL, thread_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? LARDER_OK : LARDER_ERROR_LIMIT;
}

void worker_join(struct worker *w) {
    loop_stop(w->loop);
    pthread_join(w->thread, NULL);
    loop_set_rest(w->loop, NULL, NULL); /* what comes from here on is taken in by worker_settle */
}

void worker_end_loads(struct worker *w) {
    origin_worker_end(&w->origin);
}

void worker_end_watches(struct worker *w) {
    session_worker_end_watches(&w->sessions);
}

bool worker_settle(struct worker *w) {
    bool any = !pending_queue_is_empty(&w->sessions.completions);

    /* Nobody is served any more: what the sessions would go on with needs the store. */
    w->sessions.completions.closed = true;
    w->sessions.on_ready = NULL;
    complete(w);
    return any;
}

void worker_fini(struct worker *w) {
    if (w->loop != NULL) {
        loop_set_rest(w->loop, NULL, NULL);
        /* First what is still in the mail, sockets perhaps; then everything that is open. */
        mailbox_free(w->mailbox);
        worker_abort(w);
        worker_ring_fini(w);
        origin_worker_end(&w->origin);
        timer_free(w->idle_timer);
        timer_free(w->deadline_timer);
        loop_free(w->loop);
    }
    session_worker_fini(&w->sessions);
    heat_free(w->heat);
}

void worker_accept(struct worker *w, int fd) {
    if (connection_open(w, fd) != LARDER_OK) {
        node_connection_gone(w->node);
        return;
    }
    telemetry_count(w->sessions.context.telemetry, COUNTER_CONNECTIONS_OPENED, 1);
    if (w->draining) {
        connection_drain(w->connections);
    }
}

static void tell_if_drained(struct worker *w) {
    if (w->draining && !w->drained && w->connections == NULL) {
        w->drained = true;
        node_worker_drained(w->node);
    }
}

void worker_drain(struct worker *w) {
    w->draining = true;
    cmd_context_set_now(&w->sessions.context, clock_monotonic_ns());
    session_worker_drain(&w->sessions);
    for (struct connection *c = w->connections, *next; c != NULL; c = next) {
        next = c->next;
        connection_drain(c);
    }
    tell_if_drained(w);
}

void worker_abort(struct worker *w) {
    for (struct connection *c = w->connections, *next; c != NULL; c = next) {
        next = c->next;
        connection_abort(c);
    }
}

void worker_remember(struct worker *w, struct connection *c) {
    c->next = w->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    w->connections = c;
}

void worker_forget(struct worker *w, struct connection *c) {
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        w->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    telemetry_count(w->sessions.context.telemetry, COUNTER_CONNECTIONS_CLOSED, 1);
    node_connection_gone(w->node);
    tell_if_drained(w);
}
