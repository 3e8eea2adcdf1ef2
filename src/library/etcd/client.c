/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "cohere/near.h"
#include "library/etcd/wait.h"
#include "library/memory.h"
#include "library/tracer.h"

enum { DEFAULT_TIMEOUT_MS = 5000, DEFAULT_PENDING = 100000, DEFAULT_WATCHES = 10000, WHY_MAX = 1024 };

enum larder_status client_say(char message[LARDER_MESSAGE_MAX], enum larder_status status, const char *why) {
    if (message != NULL) {
        snprintf(message, LARDER_MESSAGE_MAX, "%s", status < 0 ? why : "");
    }
    return status;
}

/* --- on the engine's thread --- */

static void on_line(void *ctx, enum log_level level, const char *line) {
    const struct log_sink *sink = ctx;

    if (sink->fn != NULL) {
        sink->fn(sink->ctx, level >= LOG_LEVEL_WARN ? LARDER_LOG_WARNING : LARDER_LOG_INFO, line);
    }
}

static void run_greeting(struct store *store, struct etcd_errand *errand) {
    struct larder_etcd *client =
        (struct larder_etcd *)(void *)((char *)errand - offsetof(struct larder_etcd, greeting));

    (void)store;
    log_divert(on_line, &client->sink);
}

static int64_t keeper_clock(void *clock) {
    (void)clock;
    return clock_monotonic_ns();
}

struct etcd_keeper *client_keeper(struct larder_etcd *client) {
    struct etcd_client *machine = etcd_store_client(client->cluster);

    if (client->keeper == NULL && machine != NULL) {
        client->keeper = etcd_keeper_new(machine, keeper_clock, NULL);
    }
    return client->keeper;
}

static void guest_run(void *ctx) {
    struct larder_etcd *client = ctx;

    if (client->keeper != NULL) {
        etcd_store_wake_at(client->cluster, &client->guest, etcd_keeper_run(client->keeper));
    }
}

static void guest_end(void *ctx) {
    struct larder_etcd *client = ctx;

    etcd_keeper_free(client->keeper);
    client->keeper = NULL;
}

/* --- how it is, as its thread sees it at this moment --- */

struct looking {
    struct waited_errand errand; /* first */
    char *trouble;
};

static void run_looking(struct store *store, struct etcd_errand *errand) {
    struct looking *l = (struct looking *)(void *)errand;
    struct etcd_client *machine = etcd_store_client(store);

    if (machine == NULL || !etcd_client_is_ready(machine)) {
        snprintf(l->trouble, LARDER_MESSAGE_MAX, "%s", machine != NULL ? etcd_client_trouble(machine) : "it ends");
    }
    waiter_end(&l->errand.waiter);
}

void client_look(struct store *cluster, char ret_trouble[LARDER_MESSAGE_MAX]) {
    struct looking looking = {.trouble = ret_trouble};

    ret_trouble[0] = '\0';
    waiter_run(cluster, &looking.errand, run_looking);
}

/* --- options --- */

static int64_t ns_of(unsigned ms, int64_t otherwise_ns) {
    return ms > 0 ? ms * CLOCK_NS_PER_MS : otherwise_ns;
}

static struct slice text_of(const char *text) {
    return text != NULL ? slice_from_string(text) : SLICE("");
}

static void take_times(struct etcd_client_config *c, const struct larder_etcd_options *o) {
    c->request_timeout_ns = ns_of(o->timeout_ms, DEFAULT_TIMEOUT_MS * CLOCK_NS_PER_MS);
    c->dial_timeout_ns = ns_of(o->dial_timeout_ms, c->dial_timeout_ns);
    c->attempt_timeout_ns = ns_of(o->attempt_timeout_ms, c->attempt_timeout_ns);
    c->keepalive_time_ns = ns_of(o->keepalive_time_ms, c->keepalive_time_ns);
    c->keepalive_timeout_ns = ns_of(o->keepalive_timeout_ms, c->keepalive_timeout_ns);
}

static void take_options(struct etcd_store_config *config, const struct larder_etcd_options *o) {
    struct etcd_client_config *c = &config->client;

    etcd_client_config_init(c);
    take_times(c, o);
    c->shuffle = o->shuffle;
    c->follow_members = o->follow_members;
    c->user = text_of(o->user);
    c->password = text_of(o->password);
    c->seed = random_os_seed();
    config->has_tls =
        o->ca != NULL || o->certificate != NULL || o->key != NULL || o->server_name != NULL || o->insecure;
    config->tls = (struct tls_files){.ca = o->ca,
                                     .certificate = o->certificate,
                                     .key = o->key,
                                     .server_name = o->server_name,
                                     .insecure = o->insecure};
    config->max_pending = o->pending_max > 0 ? o->pending_max : DEFAULT_PENDING;
    config->max_watchers = o->watches_max > 0 ? o->watches_max : DEFAULT_WATCHES;
}

/* NULL: they are good. */
static const char *find_contradiction(const struct larder_etcd_options *o) {
    const struct larder_allocator *a = &o->allocator;
    bool own = a->allocate != NULL;

    if (o->size != sizeof(*o)) {
        return "the options have no size, or one that is unknown";
    }
    if (own != (a->reallocate != NULL) || own != (a->release != NULL)) {
        return "an allocator has all three functions or none";
    }
    if ((o->certificate == NULL) != (o->key == NULL)) {
        return "a certificate and its key: one is of no use without the other";
    }
    return o->password != NULL && o->user == NULL ? "a password without a user" : NULL;
}

/* --- opening and closing --- */

static bool open_near(struct larder_etcd *client, struct near_config *near, struct buf *why) {
    client->store = near_open(near, why);
    client->cluster = client->store != NULL ? near_cluster(client->store) : NULL;
    return client->store != NULL;
}

static bool open_cluster(struct larder_etcd *client, const struct etcd_store_config *config, struct buf *why) {
    client->store = client->cluster = etcd_store_open(config, why);
    return client->store != NULL;
}

static enum larder_status open_store(struct larder_etcd *client, const char *endpoints,
                                     const struct larder_etcd_options *options, struct near_config *near,
                                     struct buf *why) {
    struct etcd_endpoint members[LARDER_ETCD_ENDPOINTS_MAX];
    struct etcd_store_config own = {.max_pending = 0}, *config = near != NULL ? &near->cluster : &own;
    size_t count;

    _Static_assert((int)LARDER_ETCD_ENDPOINTS_MAX == (int)ETCD_MEMBERS_MAX, "as many as the machine knows");
    if (!etcd_endpoints_parse(slice_from_string(endpoints), members, LARDER_ETCD_ENDPOINTS_MAX, &count, why)) {
        return LARDER_ERR_INVALID;
    }
    take_options(config, options);
    config->client.endpoints = members;
    config->client.endpoint_count = count;
    client->timeout_ns = config->client.request_timeout_ns;
    if (!(near != NULL ? open_near(client, near, why) : open_cluster(client, config, why))) {
        return LARDER_ERR_SYSTEM;
    }
    return LARDER_DONE;
}

static enum larder_status client_init(struct larder_etcd *client, const char *endpoints,
                                      const struct larder_etcd_options *options, struct near_config *near,
                                      char *ret_message) {
    char sentence[LARDER_MESSAGE_MAX];
    struct buf why;
    enum larder_status status;

    buf_init(&why, WHY_MAX);
    status = open_store(client, endpoints, options, near, &why);
    if (status != LARDER_DONE) {
        snprintf(sentence, sizeof(sentence), "%.*s", (int)why.size, why.size > 0 ? why.data : "");
        client_say(ret_message, status, sentence);
    }
    buf_fini(&why);
    if (status != LARDER_DONE) {
        return status;
    }
    client->guest = (struct etcd_guest){.run = guest_run, .end = guest_end, .ctx = client};
    etcd_store_add_guest(client->cluster, &client->guest);
    client->greeting.run = run_greeting;
    etcd_store_post(client->cluster, &client->greeting);
    process_mark_init(&client->process);
    return LARDER_DONE;
}

enum larder_status client_new(const char *endpoints, const struct larder_etcd_options *options,
                              struct near_config *near, struct larder_etcd **ret_client, char *ret_message) {
    struct larder_etcd_options known = {.size = sizeof(known)};
    const struct larder_allocator *allocator = &memory_default;
    const char *contradiction;
    struct larder_etcd *client;
    enum larder_status status;

    if (options == NULL) {
        options = &known;
    }
    contradiction = find_contradiction(options);
    if (contradiction != NULL) {
        return client_say(ret_message, LARDER_ERR_INVALID, contradiction);
    }
    if (options->allocator.allocate != NULL) {
        allocator = &options->allocator;
    }
    client = memory_new(allocator, sizeof(*client));
    if (client == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    client->root = client;
    client->tracer = options->tracer;
    client->allocator = *allocator;
    client->sink = (struct log_sink){.fn = options->log, .ctx = options->log_ctx};
    status = client_init(client, endpoints, options, near, ret_message);
    if (status != LARDER_DONE) {
        memory_free(allocator, client);
        return status;
    }
    client_say(ret_message, LARDER_DONE, "");
    *ret_client = client;
    return LARDER_DONE;
}

enum larder_status larder_etcd_new(const char *endpoints, const struct larder_etcd_options *options,
                                   struct larder_etcd **ret_client, char ret_message[LARDER_MESSAGE_MAX]) {
    return client_new(endpoints, options, NULL, ret_client, ret_message);
}

void larder_etcd_free(struct larder_etcd *client) {
    struct larder_allocator allocator;

    if (client == NULL) {
        return;
    }
    if (client->root != client) {
        allocator = client->allocator;
        memory_free(&allocator, client);
        return;
    }
    if (!client_is_foreign(client)) {
        store_close(client->store);
    }
    process_mark_fini(&client->process);
    allocator = client->allocator;
    memory_free(&allocator, client);
}

enum larder_status larder_etcd_within(struct larder_etcd *client, const struct larder_span *parent,
                                      struct larder_etcd **ret_view) {
    struct larder_etcd *view = memory_new(&client->allocator, sizeof(*view));

    if (view == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    /* The rest is the engine's thread's. */
    view->root = client->root;
    view->tracer = client->tracer;
    view->parent = span_of_const(parent);
    view->allocator = client->allocator;
    view->process = client->process;
    view->timeout_ns = client->timeout_ns;
    view->store = client->store;
    view->cluster = client->cluster;
    *ret_view = view;
    return LARDER_DONE;
}

enum larder_status larder_etcd_ready(struct larder_etcd *client, char ret_message[LARDER_MESSAGE_MAX]) {
    char trouble[LARDER_MESSAGE_MAX];

    if (client_is_foreign(client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    client_look(client->cluster, trouble);
    return client_say(ret_message, trouble[0] == '\0' ? LARDER_DONE : LARDER_ERR_UNAVAILABLE, trouble);
}
