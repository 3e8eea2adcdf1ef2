/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/client/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/loop.h"
#include "net/timer.h"
#include "store/etcd/driver.h"
#include "store/etcd/kv.h"

enum { SHOW_MS = 100, WHY_MAX = 512 };

struct load;

/* One that asks, waits for the answer, and asks again. */
struct caller {
    struct store_call call;
    struct load *load;
    char *key; /* the prefix and the digits */
    int64_t start_ns;
};

struct load {
    const struct client_config *config;
    const struct progress *progress;
    struct client_report *report;
    struct loop *loop;
    struct timer *end_timer; /* NULL: until the total */
    struct timer *show_timer;
    struct etcd_driver *driver;
    struct etcd_client *client;
    struct caller *callers;
    char *keys;
    char *value;
    struct random random;
    uint64_t active;
    uint64_t left; /* requests that may still begin */
    bool measuring;
    bool ended;
    bool failed;
    int64_t start_ns;
    int64_t last_good_ns;
    int64_t end_ns;
    uint64_t cpu_start_ns;
    uint64_t shown_requests;
};

static uint64_t cpu_now_ns(void) {
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * (uint64_t)CLOCK_NS_PER_S + (uint64_t)cpu.tv_nsec;
}

static size_t key_bytes(const struct client_config *config) {
    return strlen(config->key_prefix) + (size_t)config->key_size;
}

/* --- what is asked --- */

static void on_done(struct store_call *call);

static void write_key(struct caller *c) {
    const struct client_config *config = c->load->config;
    uint64_t number = random_below(&c->load->random, config->key_space);

    for (size_t i = key_bytes(config); i > strlen(config->key_prefix); i--) {
        c->key[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
}

static void ask(struct caller *c) {
    const struct client_config *config = c->load->config;
    struct slice key = slice_make(c->key, key_bytes(config));

    write_key(c);
    store_call_init(&c->call, on_done);
    if (config->reads) {
        c->call.op.kind = STORE_OP_RANGE;
        c->call.op.range = (struct store_range){.span = {.key = key}, .serializable = config->serializable};
    } else {
        c->call.op.kind = STORE_OP_PUT;
        c->call.op.put = (struct store_put){.key = key, .value = slice_make(c->load->value, config->value_size)};
        c->call.retry_unknown = config->retry_unknown;
    }
    c->start_ns = clock_monotonic_ns();
    c->call.deadline_ns = c->start_ns + config->timeout_ns;
    c->load->active++;
    etcd_kv_submit(c->load->client, &c->call);
}

static void ask_next(struct caller *c) {
    struct load *load = c->load;

    if (load->ended || (load->config->total > 0 && load->left == 0)) {
        if (load->active == 0) {
            loop_stop(load->loop);
        }
        return;
    }
    load->left -= load->config->total > 0;
    ask(c);
}

/* --- what comes back --- */

static bool is_as_put(const struct load *load, const struct store_result *result) {
    return !load->config->reads || (result->kv_count == 1 && result->kvs[0].value.size == load->config->value_size);
}

static void note_gap(struct load *load, int64_t now) {
    struct client_report *report = load->report;

    if (now - load->last_good_ns > report->longest_gap_ns) {
        report->longest_gap_ns = now - load->last_good_ns;
        report->gap_at_ns = load->last_good_ns - load->start_ns;
    }
}

static void count(struct caller *c, int64_t now) {
    struct load *load = c->load;
    struct client_report *report = load->report;

    report->requests++;
    report->statuses[c->call.status]++;
    report->repeated += c->call.repeated;
    if (c->call.status != STORE_OK) {
        return;
    }
    report->wrong += !is_as_put(load, &c->call.result);
    histogram_record(&report->latency, (uint64_t)(now - c->start_ns));
    note_gap(load, now);
    load->last_good_ns = now;
}

static void begin_measuring(struct load *load, int64_t now) {
    const struct client_config *config = load->config;

    load->measuring = true;
    load->start_ns = now;
    load->last_good_ns = now;
    load->left = config->total;
    if (load->end_timer != NULL) {
        timer_start(load->end_timer, config->duration_ns, 0);
    }
    load->cpu_start_ns = cpu_now_ns();
    for (uint64_t i = 0; i < config->clients; i++) {
        ask_next(&load->callers[i]);
    }
}

static void on_first(struct load *load, enum store_status status, int64_t now) {
    char text[ETCD_MEMBER_TEXT_MAX];

    if (status == STORE_OK) {
        begin_measuring(load, now);
        return;
    }
    snprintf(text, sizeof(text), "%s", etcd_client_trouble(load->client));
    fprintf(stderr, "larder bench client: the first request failed: %s%s%s\n", store_status_text(status),
            text[0] == '\0' ? "" : ": ", text);
    load->failed = true;
    loop_stop(load->loop);
}

static void on_done(struct store_call *call) {
    struct caller *c = (struct caller *)call;
    struct load *load = c->load;
    int64_t now = clock_monotonic_ns();
    enum store_status status = call->status;

    load->active--;
    if (load->measuring) {
        count(c, now);
        load->end_ns = now;
    }
    store_call_fini(call);
    if (load->failed) {
        return; /* it is being freed */
    }
    if (load->measuring) {
        ask_next(c);
    } else {
        on_first(load, status, now);
    }
}

/* --- time --- */

static void on_time(void *ctx) {
    struct load *load = ctx;

    load->ended = true;
    if (load->active == 0) {
        loop_stop(load->loop);
    }
}

static void on_show(void *ctx) {
    struct load *load = ctx;
    const struct client_config *config = load->config;
    double by_count = config->total == 0 ? 0.0 : (double)load->report->requests / (double)config->total;
    double by_time = config->duration_ns == 0 || !load->measuring
                         ? 0.0
                         : (double)(clock_monotonic_ns() - load->start_ns) / (double)config->duration_ns;
    double fraction = by_count > by_time ? by_count : by_time;

    progress_show(load->progress, load->measuring ? "measure" : "connect", fraction < 1.0 ? fraction : 1.0,
                  (double)(load->report->requests - load->shown_requests) * 1000.0 / SHOW_MS);
    load->shown_requests = load->report->requests;
}

/* --- the whole --- */

static bool make_callers(struct load *load) {
    const struct client_config *config = load->config;
    size_t size = key_bytes(config);

    load->callers = calloc(config->clients, sizeof(*load->callers));
    load->keys = malloc(config->clients * size);
    load->value = malloc(config->value_size + 1);
    if (load->callers == NULL || load->keys == NULL || load->value == NULL) {
        return false;
    }
    memset(load->value, 'v', config->value_size);
    for (uint64_t i = 0; i < config->clients; i++) {
        load->callers[i].load = load;
        load->callers[i].key = load->keys + i * size;
        memcpy(load->callers[i].key, config->key_prefix, strlen(config->key_prefix));
    }
    random_init(&load->random, config->seed);
    return true;
}

static bool make_driver(struct load *load) {
    const struct client_config *config = load->config;
    struct etcd_client_config client;
    struct buf why;

    etcd_client_config_init(&client);
    client.endpoints = config->endpoints;
    client.endpoint_count = config->endpoint_count;
    client.follow_members = true;
    client.seed = config->seed;
    if (config->user != NULL) {
        const char *colon = strchr(config->user, ':');

        client.user = slice_make(config->user, (size_t)(colon - config->user));
        client.password = slice_from_string(colon + 1);
    }
    buf_init(&why, WHY_MAX);
    load->driver = etcd_driver_new(load->loop, &client, &config->tls, &why);
    if (load->driver == NULL) {
        fprintf(stderr, "larder bench client: %.*s\n", (int)why.size, why.data);
    }
    buf_fini(&why);
    return load->driver != NULL;
}

static bool make_timers(struct load *load) {
    load->end_timer = load->config->duration_ns == 0 ? NULL : timer_new(load->loop, on_time, load);
    load->show_timer = load->progress->enabled ? timer_new(load->loop, on_show, load) : NULL;
    if (load->show_timer != NULL) {
        timer_start(load->show_timer, 0, SHOW_MS * CLOCK_NS_PER_MS);
    }
    return (load->config->duration_ns == 0 || load->end_timer != NULL) &&
           (!load->progress->enabled || load->show_timer != NULL);
}

static bool prepare(struct load *load) {
    load->loop = loop_new();
    if (load->loop == NULL || !make_callers(load) || !make_timers(load)) {
        fputs("larder bench client: out of memory\n", stderr);
        return false;
    }
    return make_driver(load);
}

static void release(struct load *load) {
    etcd_driver_free(load->driver);
    timer_free(load->end_timer);
    timer_free(load->show_timer);
    if (load->loop != NULL) {
        loop_free(load->loop);
    }
    free(load->callers);
    free(load->keys);
    free(load->value);
}

static void collect(struct load *load) {
    struct client_report *report = load->report;

    report->cpu_ns = cpu_now_ns() - load->cpu_start_ns;
    report->elapsed_ns = load->end_ns - load->start_ns;
    note_gap(load, load->end_ns);
    report->figures = *etcd_client_figures(load->client);
}

bool client_load(const struct client_config *config, const struct progress *progress,
                 struct client_report *ret_report) {
    struct load load = {.config = config, .progress = progress, .report = ret_report};
    bool good;

    memset(ret_report, 0, sizeof(*ret_report));
    histogram_init(&ret_report->latency);
    good = prepare(&load);
    if (good) {
        load.client = etcd_driver_client(load.driver);
        etcd_client_start(load.client);
        ask(&load.callers[0]);
        loop_run(load.loop);
        progress_clear(progress);
        good = !load.failed;
    }
    if (good) {
        collect(&load);
    }
    load.failed = true;
    release(&load);
    if (good && ret_report->requests == 0) {
        fputs("larder bench client: no request was answered while it was measured\n", stderr);
        return false;
    }
    return good;
}
