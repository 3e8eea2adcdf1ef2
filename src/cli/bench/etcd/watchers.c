/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/watchers.h"

#include <stdlib.h>
#include <string.h>

#include "cli/bench/tally.h"

enum { ASKED_AT_ONCE = 256 /* watchers that a stream waits for at a time */ };

static bool ask_for_watcher(struct worker_watch *watch) {
    struct etcd_worker *w = watch->worker;
    const struct etcd_config *config = w->load->config;
    uint64_t number = watch->number * config->watch_per_stream + watch->asked;

    watch->asked++;
    return etcd_worker_send(w, watch->link, watch->call, &w->load->watcher, number % config->key_space) != NULL;
}

static void on_created(struct worker_watch *watch) {
    watch->created++;
    etcd_worker_ready_one(watch->worker);
    atomic_fetch_add_explicit(&watch->worker->done, 1, memory_order_relaxed);
    if (watch->asked < watch->worker->load->config->watch_per_stream) {
        ask_for_watcher(watch);
    }
}

/* What others have put to the key carries no time of ours. */
static void on_event(void *ctx, struct slice value) {
    struct etcd_worker *w = ctx;
    struct etcd_tally *tally = &w->tally;
    int64_t sent_ns;

    if (value.size != w->load->config->value_size) {
        etcd_tally_wrong(tally, "an event with a value of another size: somebody else puts to these keys");
        return;
    }
    memcpy(&sent_ns, value.data, sizeof(sent_ns));
    if (sent_ns > w->now_ns || w->phase != PHASE_MEASURING) {
        return;
    }
    tally->stats.requests++;
    histogram_record(&tally->stats.latency, (uint64_t)(w->now_ns - sent_ns));
}

static void complain_canceled(struct worker_watch *watch, const struct glance_watch *glance) {
    char reason[128];

    tally_copy_text(glance->cancel_reason, reason, sizeof(reason));
    etcd_worker_fail(watch->worker, watch->link, "the server cancels a watcher: %s (watcher %llu of stream %llu)",
                     reason[0] == '\0' ? "it does not say why" : reason, (unsigned long long)watch->created + 1,
                     (unsigned long long)watch->number + 1);
}

static void on_message(struct link_call *owner, struct slice message) {
    struct worker_watch *watch = (struct worker_watch *)owner;
    struct etcd_worker *w = watch->worker;
    struct glance_watch glance;

    if (!glance_watch(message, &glance, on_event, w)) {
        etcd_worker_fail(w, watch->link, "the server sends an event that cannot be read");
        return;
    }
    if (glance.canceled) {
        complain_canceled(watch, &glance);
        return;
    }
    if (glance.created) {
        on_created(watch);
    }
    if (glance.events > 0) {
        atomic_fetch_add_explicit(&w->events, glance.events, memory_order_relaxed);
        atomic_store_explicit(&w->ended_ns, w->now_ns, memory_order_relaxed);
    }
}

static void on_end(struct link_call *owner, const struct grpc_end *end) {
    struct worker_watch *watch = (struct worker_watch *)owner;

    watch->call = NULL;
    etcd_worker_fail_call(watch->worker, watch->link, "the server has ended a stream of watchers", end);
}

static const struct link_call_ops ops = {.on_message = on_message, .on_end = on_end};

static bool open_stream(struct worker_watch *watch) {
    uint64_t total = watch->worker->load->config->watch_per_stream;

    watch->call = etcd_worker_call(watch->worker, watch->link, SLICE("/etcdserverpb.Watch/Watch"), &watch->base);
    if (watch->call == NULL) {
        return false;
    }
    while (watch->asked < total && watch->asked < ASKED_AT_ONCE) {
        if (!ask_for_watcher(watch)) {
            return false;
        }
    }
    return true;
}

void watchers_set_up(struct etcd_worker *w) {
    w->unready += w->watch_count * w->load->config->watch_per_stream;
    for (uint64_t i = 0; i < w->watch_count; i++) {
        if (!open_stream(&w->watches[i])) {
            return;
        }
    }
}

/* Stream i belongs to connection i modulo conns, as the clients of other loads. */
static struct link *link_of(const struct etcd_worker *w, uint64_t stream) {
    const struct etcd_config *config = w->load->config;
    uint64_t connection = stream % config->conns;

    return connection % config->threads == w->index ? &w->links[connection / config->threads] : NULL;
}

bool watchers_make(struct etcd_worker *w) {
    const struct etcd_config *config = w->load->config;
    uint64_t streams = config->kind == ETCD_WATCH ? config->streams : 0;

    w->watches = calloc(streams + 1, sizeof(*w->watches));
    for (uint64_t i = 0; w->watches != NULL && i < streams; i++) {
        struct link *link = link_of(w, i);

        if (link != NULL) {
            w->watches[w->watch_count++] =
                (struct worker_watch){.base = {&ops}, .worker = w, .link = link, .number = i};
        }
    }
    return w->watches != NULL;
}

void watchers_free(struct etcd_worker *w) {
    free(w->watches);
    w->watches = NULL;
}
