/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/callers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cli/bench/etcd/operation.h"
#include "net/loop.h"
#include "net/ticker.h"

enum { FINEST_TICK_NS = 20000 };

/* --- what is asked --- */

uint64_t callers_draw_key(struct etcd_worker *w) {
    const struct etcd_config *config = w->load->config;
    uint64_t key;

    if (!config->sequential) {
        return random_below(&w->random, config->key_space);
    }
    key = w->next_key % config->key_space;
    w->next_key += w->load->callers_on * w->load->request.keys;
    return key;
}

static bool take(struct etcd_worker *w) {
    bool limited = w->load->quota > 0 && w->phase == PHASE_MEASURING;

    if (w->phase == PHASE_ENDED || (limited && w->left == 0)) {
        w->exhausted = true;
        return false;
    }
    w->left -= limited;
    return true;
}

static int64_t take_due(struct etcd_worker *w) {
    int64_t due = (int64_t)w->due_ns;

    if (w->gap_ns == 0.0) {
        return w->now_ns;
    }
    w->due_ns += w->gap_ns;
    return due;
}

static void finish_if_done(struct etcd_worker *w) {
    if (w->active == 0 && w->exhausted) {
        atomic_store(&w->finished, true);
    }
}

static bool ask(struct worker_caller *c) {
    struct etcd_worker *w = c->worker;
    const struct operation *operation = w->load->operation;

    if (c->call == NULL) {
        c->call = etcd_worker_call(w, c->link, operation->path, &c->base);
    }
    if (c->call == NULL || !operation->send(c)) {
        return false;
    }
    if (!operation->stays_open) {
        grpc_call_end_sending(c->call);
    }
    return true;
}

static void begin(struct worker_caller *c) {
    struct etcd_worker *w = c->worker;

    if (take(w)) {
        c->start_ns = take_due(w);
        c->counted = w->phase == PHASE_MEASURING;
        c->answered = false;
        c->keys = 0;
        c->wrong = NULL;
        w->active += ask(c);
    }
    finish_if_done(w);
}

/* --- the rate --- */

static void push_idle(struct worker_caller *c) {
    struct etcd_worker *w = c->worker;

    c->next_idle = NULL;
    if (w->idle_first == NULL) {
        w->idle_first = c;
    } else {
        w->idle_last->next_idle = c;
    }
    w->idle_last = c;
}

/* Has those that have been idle longest ask what is due. */
static void begin_due(struct etcd_worker *w) {
    while ((double)w->now_ns >= w->due_ns && w->idle_first != NULL && !w->exhausted) {
        struct worker_caller *c = w->idle_first;

        w->idle_first = c->next_idle;
        begin(c);
        link_flush(c->link);
    }
}

static void on_tick(void *ctx) {
    struct etcd_worker *w = ctx;

    etcd_worker_look(w);
    if (w->phase == PHASE_ENDED || (w->load->quota > 0 && w->phase == PHASE_MEASURING && w->left == 0)) {
        w->exhausted = true;
        finish_if_done(w);
        return;
    }
    begin_due(w);
}

/* --- what comes back --- */

/* Whether the answer that is complete now is counted, with all that it brought: it has come while the run was measured. Where a
 * number of requests ends the run, those that began in the warm-up are not among them. */
static bool is_measured(const struct worker_caller *c) {
    return c->worker->phase == PHASE_MEASURING && (c->counted || c->worker->load->quota == 0);
}

static void count(struct worker_caller *c, enum grpc_status status, struct slice text) {
    struct etcd_worker *w = c->worker;
    struct etcd_tally *tally = &w->tally;
    bool watching = w->load->config->kind == ETCD_WATCH;
    uint64_t latency = (uint64_t)(w->now_ns - c->start_ns);

    if (!is_measured(c)) {
        return;
    }
    if (watching) {
        tally->puts++;
        histogram_record(&tally->put_latency, latency);
    } else {
        tally->stats.requests++;
        histogram_record(&tally->stats.latency, latency);
    }
    tally->keys += c->keys;
    if (status != GRPC_OK) {
        etcd_tally_refusal(tally, status, text);
        return;
    }
    tally->statuses[GRPC_OK]++;
    if (c->wrong != NULL) {
        etcd_tally_wrong(tally, c->wrong);
    }
}

/* How many watchers a key has: they take the keys in turn. */
static uint64_t watchers_of(const struct etcd_config *config, uint64_t key) {
    uint64_t watchers = etcd_config_watchers(config);

    return watchers / config->key_space + (key < watchers % config->key_space);
}

static void note_put(struct worker_caller *c, enum grpc_status status) {
    struct etcd_worker *w = c->worker;

    if (w->load->config->kind == ETCD_WATCH && status == GRPC_OK) {
        atomic_fetch_add_explicit(&w->expected, watchers_of(w->load->config, c->key), memory_order_relaxed);
    }
}

/* The answer is complete: what next? */
static void finish(struct worker_caller *c, enum grpc_status status, struct slice text) {
    struct etcd_worker *w = c->worker;

    count(c, status, text);
    note_put(c, status);
    w->active--;
    atomic_store_explicit(&w->ended_ns, w->now_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->done, 1, memory_order_relaxed);
    if (w->gap_ns == 0.0) {
        begin(c);
        return;
    }
    push_idle(c);
    begin_due(w);
    finish_if_done(w);
}

static void on_message(struct link_call *owner, struct slice message) {
    struct worker_caller *c = (struct worker_caller *)owner;
    struct etcd_worker *w = c->worker;
    const char *why = "";
    bool awaited = !c->answered;

    c->answered = true;
    if (!w->load->operation->check(c, message, &why)) {
        c->wrong = why;
    }
    if (w->load->operation->stays_open && awaited) {
        finish(c, GRPC_OK, SLICE(""));
    }
}

static void on_end(struct link_call *owner, const struct grpc_end *end) {
    struct worker_caller *c = (struct worker_caller *)owner;
    struct etcd_worker *w = c->worker;

    c->call = NULL;
    if (w->load->operation->stays_open) {
        etcd_worker_fail_call(w, c->link, "the server has ended a stream", end);
        return;
    }
    if (!c->answered) {
        c->wrong = "an answer without a message";
    }
    finish(c, end->status, end->text);
}

static const struct link_call_ops asking = {.on_message = on_message, .on_end = on_end};

/* --- before they ask --- */

static void on_lease(struct link_call *owner, struct slice message) {
    struct worker_caller *c = (struct worker_caller *)owner;

    c->answered = glance_lease(message, &c->lease);
}

static void on_lease_end(struct link_call *owner, const struct grpc_end *end) {
    struct worker_caller *c = (struct worker_caller *)owner;

    c->call = NULL;
    if (end->status != GRPC_OK || !c->answered) {
        etcd_worker_fail_call(c->worker, c->link, "the server gives no lease", end);
        return;
    }
    c->base.ops = &asking;
    atomic_fetch_add_explicit(&c->worker->done, 1, memory_order_relaxed);
    etcd_worker_ready_one(c->worker);
}

static const struct link_call_ops getting_lease = {.on_message = on_lease, .on_end = on_lease_end};

static bool get_lease(struct worker_caller *c) {
    struct etcd_worker *w = c->worker;

    c->base.ops = &getting_lease;
    c->call = etcd_worker_call(w, c->link, operation_of(ETCD_LEASE_GRANT)->path, &c->base);
    if (c->call == NULL || etcd_worker_send(w, c->link, c->call, &w->load->request, 0) == NULL) {
        return false;
    }
    grpc_call_end_sending(c->call);
    return true;
}

void callers_set_up(struct etcd_worker *w) {
    if (w->load->config->kind != ETCD_LEASE_KEEPALIVE) {
        return;
    }
    w->unready += w->caller_count;
    for (uint64_t i = 0; i < w->caller_count; i++) {
        if (!get_lease(&w->callers[i])) {
            return;
        }
    }
}

/* --- the whole --- */

static bool start_ticker(struct etcd_worker *w) {
    w->gap_ns = (double)CLOCK_NS_PER_S * (double)w->load->callers_on / (double)w->load->rate;
    w->due_ns = (double)w->now_ns;
    w->ticker = ticker_new(w->loop, w->gap_ns < FINEST_TICK_NS ? FINEST_TICK_NS : (int64_t)w->gap_ns, on_tick, w);
    return w->ticker != NULL;
}

void callers_go(struct etcd_worker *w) {
    if (w->caller_count == 0) {
        w->exhausted = true;
        finish_if_done(w);
        return;
    }
    if (w->load->rate > 0 && !start_ticker(w)) {
        etcd_worker_fail(w, &w->links[0], "no timer: out of memory or descriptors");
        return;
    }
    for (uint64_t i = 0; i < w->caller_count && !atomic_load(&w->failed); i++) {
        if (w->gap_ns > 0.0) {
            push_idle(&w->callers[i]);
        } else {
            begin(&w->callers[i]);
        }
    }
}

/* Client i belongs to connection i modulo conns, and connection j to worker j modulo threads. While watching, all belong
 * to the one connection that is for puts, the last. */
static struct link *link_of(const struct etcd_worker *w, uint64_t client) {
    const struct etcd_config *config = w->load->config;
    uint64_t connection = client % config->conns;

    if (config->kind == ETCD_WATCH) {
        return w->index == 0 && config->put_total > 0 ? &w->links[w->link_count - 1] : NULL;
    }
    return connection % config->threads == w->index ? &w->links[connection / config->threads] : NULL;
}

static uint64_t count_clients(const struct etcd_worker *w) {
    uint64_t sum = 0;

    for (uint64_t i = 0; i < w->load->config->clients; i++) {
        sum += link_of(w, i) != NULL;
    }
    return sum;
}

bool callers_make(struct etcd_worker *w) {
    const struct etcd_config *config = w->load->config;

    w->callers = calloc(count_clients(w) + 1, sizeof(*w->callers));
    if (w->callers == NULL) {
        return false;
    }
    random_init(&w->random, config->seed * UINT64_C(0x9e3779b97f4a7c15) + w->index);
    w->next_key = w->index * w->load->request.keys;
    for (uint64_t i = 0; i < config->clients; i++) {
        struct link *link = link_of(w, i);

        if (link != NULL) {
            w->callers[w->caller_count++] = (struct worker_caller){.base = {&asking}, .worker = w, .link = link};
        }
    }
    return true;
}

void callers_free(struct etcd_worker *w) {
    ticker_free(w->ticker);
    free(w->callers);
    w->callers = NULL;
}
