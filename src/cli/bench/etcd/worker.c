/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/worker.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bench/etcd/callers.h"
#include "cli/bench/etcd/watchers.h"
#include "cli/bench/tally.h"
#include "net/loop.h"

void etcd_worker_look(struct etcd_worker *w) {
    w->now_ns = clock_monotonic_ns();
    w->phase = (enum etcd_phase)atomic_load_explicit(&w->load->phase, memory_order_acquire);
}

/* Which endpoint a link of the worker goes to: connections are dealt to them in turn. */
static size_t endpoint_of(const struct etcd_worker *w, const struct link *link) {
    uint64_t connection = w->index + (uint64_t)(link - w->links) * w->load->config->threads;

    return connection % w->load->target->count;
}

void etcd_worker_fail(struct etcd_worker *w, const struct link *link, const char *format, ...) {
    va_list arguments;

    if (atomic_load(&w->failed) || atomic_load(&w->load->phase) == PHASE_ENDED) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(w->message, sizeof(w->message), format, arguments);
    va_end(arguments);
    w->failed_endpoint = endpoint_of(w, link);
    atomic_store(&w->failed, true);
    loop_stop(w->loop);
}

void etcd_worker_fail_call(struct etcd_worker *w, const struct link *link, const char *what,
                           const struct grpc_end *end) {
    char text[STATS_ERROR_MAX];

    tally_copy_text(end->text, text, sizeof(text));
    etcd_worker_fail(w, link, "%s: %s (%s)", what, text, etcd_status_name(end->status));
}

struct grpc_call *etcd_worker_call(struct etcd_worker *w, struct link *link, struct slice path,
                                   struct link_call *owner) {
    struct grpc_call_options options = {.token = slice_from_string(w->load->target->token)};
    struct grpc_call *call = grpc_client_call(link->client, path, &options);

    if (call == NULL) {
        etcd_worker_fail(w, link,
                         grpc_client_is_open(link->client)
                             ? "out of memory"
                             : "the server takes no more calls on a connection; is it shutting down?");
        return NULL;
    }
    call->owner = owner;
    return call;
}

char *etcd_worker_send(struct etcd_worker *w, const struct link *link, struct grpc_call *call,
                       const struct template *template, uint64_t number) {
    const struct etcd_config *config = w->load->config;
    char *at = grpc_call_message(call, template->size);

    if (at == NULL) {
        etcd_worker_fail(w, link, "out of memory");
        return NULL;
    }
    memcpy(at, template->bytes, template->size);
    for (size_t i = 0; i < template->keys; i++) {
        etcd_config_write_key(config, (number + i) % config->key_space, at + template->key_at + i * template->stride);
    }
    return at;
}

void etcd_worker_ready_one(struct etcd_worker *w) {
    if (--w->unready == 0) {
        atomic_store(&w->ready, true);
    }
}

static void on_connect(void *ctx) {
    struct etcd_worker *w = ctx;

    atomic_fetch_add_explicit(&w->connected, 1, memory_order_relaxed);
}

static void on_wake(void *ctx) {
    etcd_worker_look(ctx);
}

static void on_lost(void *ctx, const struct link *link, const char *why) {
    etcd_worker_fail(ctx, link, "%s; is the server still running? its log may tell why", why);
}

static const struct link_events link_events = {.on_connect = on_connect, .on_wake = on_wake, .on_lost = on_lost};

static void flush_all(struct etcd_worker *w) {
    for (uint64_t i = 0; i < w->link_count && !atomic_load(&w->failed); i++) {
        link_flush(&w->links[i]);
    }
}

static void on_set_up(struct mailbox_message *message) {
    struct etcd_worker *w = (struct etcd_worker *)((char *)message - offsetof(struct etcd_worker, set_up));

    etcd_worker_look(w);
    callers_set_up(w);
    watchers_set_up(w);
    if (w->unready == 0) {
        atomic_store(&w->ready, true);
    }
    flush_all(w);
}

/* The servers' settings have come by now, or they never will. */
static void note_max_calls(struct etcd_worker *w) {
    for (uint64_t i = 0; i < w->link_count; i++) {
        uint32_t calls = grpc_client_max_calls(w->links[i].client);

        w->tally.max_calls = w->tally.max_calls == 0 || calls < w->tally.max_calls ? calls : w->tally.max_calls;
    }
}

static void on_go(struct mailbox_message *message) {
    struct etcd_worker *w = (struct etcd_worker *)((char *)message - offsetof(struct etcd_worker, go));

    etcd_worker_look(w);
    callers_go(w);
    flush_all(w);
}

static void open_links(struct etcd_worker *w) {
    const struct etcd_target *target = w->load->target;

    for (uint64_t i = 0; i < w->link_count && !atomic_load(&w->failed); i++) {
        const struct etcd_endpoint *endpoint = &target->endpoints[endpoint_of(w, &w->links[i])];
        enum larder_error error = link_open(&w->links[i], w->loop, &endpoint->endpoint,
                                            slice_from_string(endpoint->authority), w->input, &link_events, w);

        if (error != LARDER_OK) {
            etcd_worker_fail(w, &w->links[i], "cannot open a connection: %s", larder_error_text(error));
        }
    }
}

static void *run(void *arg) {
    struct etcd_worker *w = arg;

    open_links(w);
    loop_run(w->loop);
    return NULL;
}

/* The share of worker `index` when `total` is dealt to `workers`. */
static uint64_t share(uint64_t total, uint64_t workers, uint64_t index) {
    return index < workers ? total / workers + (index < total % workers) : 0;
}

static void release(struct etcd_worker *w) {
    callers_free(w);
    watchers_free(w);
    mailbox_free(w->mailbox);
    if (w->loop != NULL) {
        loop_free(w->loop);
    }
    for (uint64_t i = 0; w->links != NULL && i < w->link_count; i++) {
        link_free(&w->links[i]);
    }
    free(w->links);
    free(w->input);
}

static bool allocate(struct etcd_worker *w) {
    const struct etcd_config *config = w->load->config;
    bool puts_apart = config->kind == ETCD_WATCH && config->put_total > 0 && w->index == 0;

    w->link_count = share(config->conns, config->threads, w->index) + puts_apart;
    w->links = calloc(w->link_count, sizeof(*w->links));
    w->input = malloc(LINK_INPUT_BYTES);
    w->loop = loop_new();
    w->mailbox = w->loop == NULL ? NULL : mailbox_new(w->loop);
    return w->links != NULL && w->input != NULL && w->mailbox != NULL && callers_make(w) && watchers_make(w);
}

enum larder_error etcd_worker_start(struct etcd_worker *w, struct etcd_load *load, uint64_t index) {
    w->load = load;
    w->index = index;
    w->set_up.run = on_set_up;
    w->go.run = on_go;
    w->left = share(load->quota, load->callers_on, index);
    etcd_tally_init(&w->tally);
    if (!allocate(w)) {
        release(w);
        return LARDER_ERROR_NO_MEMORY;
    }
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        release(w);
        return LARDER_ERROR_LIMIT;
    }
    return LARDER_OK;
}

void etcd_worker_set_up(struct etcd_worker *w) {
    mailbox_post(w->mailbox, &w->set_up);
}

void etcd_worker_go(struct etcd_worker *w) {
    mailbox_post(w->mailbox, &w->go);
}

void etcd_worker_finish(struct etcd_worker *w) {
    loop_stop(w->loop);
    pthread_join(w->thread, NULL);
    note_max_calls(w);
    for (uint64_t i = 0; i < w->link_count; i++) {
        link_close(&w->links[i]);
    }
    release(w);
}
