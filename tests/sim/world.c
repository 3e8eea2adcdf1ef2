/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#define CLUSTER_ID UINT64_C(0xcdf818194e3a8c32)

static void keep(void *ctx) {
    struct world *w = ctx;
    int64_t next;

    w->keeping = NULL;
    next = etcd_keeper_run(w->keeper);
    w->keeping = next == INT64_MAX ? NULL : sim_after(&w->sim, next - w->sim.now_ns, keep, w);
}

/* As whoever drives the client is to do it. */
void world_drive(struct world *w) {
    sim_cancel(&w->sim, w->keeping);
    keep(w);
}

static void wake(void *ctx) {
    struct world *w = ctx;

    etcd_client_run(w->client);
    world_drive(w);
}

static void endpoint_init(struct etcd_endpoint *endpoint, const char *host) {
    *endpoint = (struct etcd_endpoint){.address = {.kind = ADDRESS_NAME, .port = 2379}};
    (void)snprintf(endpoint->address.host, sizeof(endpoint->address.host), "%s", host);
}

void world_init(struct world *w, uint64_t seed, size_t members) {
    *w = (struct world){.seed = seed};
    sim_init(&w->sim, seed);
    net_init(&w->net, &w->sim);
    cluster_init(&w->cluster, &w->sim, &w->net, "m", members, CLUSTER_ID);
    etcd_client_config_init(&w->config);
    for (size_t i = 0; i < members; i++) {
        endpoint_init(&w->endpoints[i], cluster_host(&w->cluster, i)->name);
    }
    w->config.endpoints = w->endpoints;
    w->config.endpoint_count = members;
    w->config.seed = seed;
    w->config.follow_members = true;
    w->user = (struct net_user){.net = &w->net, .wake = wake, .ctx = w};
}

void world_open(struct world *w) {
    w->client = etcd_client_new(&w->config, &net_io, &w->user);
    sim_must(w->client != NULL);
    w->watches = etcd_watches_new(w->client);
    w->keeper = etcd_keeper_new(w->client, net_io.now_ns, &w->user);
    sim_must(w->watches != NULL && w->keeper != NULL);
}

void world_close(struct world *w) {
    etcd_keeper_free(w->keeper);
    etcd_watches_free(w->watches);
    etcd_client_free(w->client);
    net_user_fini(&w->user);
    sim_cancel(&w->sim, w->keeping);
    w->keeping = NULL;
    w->client = NULL;
    w->watches = NULL;
    w->keeper = NULL;
}

void world_fini(struct world *w) {
    if (w->client != NULL) {
        world_close(w);
    }
    cluster_fini(&w->cluster);
    net_fini(&w->net);
    sim_fini(&w->sim);
}

void world_run(struct world *w, int64_t ns) {
    sim_run(&w->sim, w->sim.now_ns + ns);
}

bool world_wait(struct world *w, const bool *done, int64_t ns) {
    int64_t until = w->sim.now_ns + ns;

    while (!*done && sim_step(&w->sim, until)) {
    }
    if (!*done) {
        sim_run(&w->sim, until);
    }
    return *done;
}

int world_member_in_use(const struct world *w) {
    struct etcd_member member;

    for (size_t i = 0; i < etcd_client_member_count(w->client); i++) {
        etcd_client_member(w->client, i, &member);
        for (size_t k = 0; member.in_use && k < w->cluster.count; k++) {
            if (strcmp(member.endpoint.address.host, w->endpoints[k].address.host) == 0) {
                return (int)k;
            }
        }
    }
    return -1;
}

void world_trace(const struct world *w, const char *format, ...) {
    va_list list;

    va_start(list, format);
    seeds_trace_list(&w->sim, format, list);
    va_end(list);
}

void world_failed(const struct world *w, const char *file, int line, const char *condition, const char *format, ...) {
    va_list list;

    (void)w;
    va_start(list, format);
    seeds_failed_list(file, line, condition, format, list);
}
