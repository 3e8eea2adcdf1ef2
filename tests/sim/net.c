/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdio.h>

#include "wire.h"

#define DELAY_NS (100 * SIM_US)
#define JITTER_NS (100 * SIM_US)
#define CONNECT_AGAIN_NS SIM_S /* a kernel's first repeat of a SYN */

void net_init(struct net *net, struct sim *sim) {
    *net = (struct net){.sim = sim, .partial_percent = 10, .split_percent = 20};
}

void net_fini(struct net *net) {
    while (net->wires != NULL) {
        wire_free(net->wires);
    }
}

struct net_host *net_add_host(struct net *net, const char *name) {
    struct net_host *host = &net->hosts[net->host_count++];

    sim_must(net->host_count <= NET_HOSTS_MAX && strlen(name) < sizeof(host->name));
    *host = (struct net_host){.net = net, .refuses = true, .delay_ns = DELAY_NS, .jitter_ns = JITTER_NS};
    (void)snprintf(host->name, sizeof(host->name), "%s", name);
    return host;
}

void net_host_listen(struct net_host *host, const struct net_server *server, void *ctx) {
    host->server = server;
    host->ctx = ctx;
    host->refuses = false;
}

void net_host_kill(struct net_host *host) {
    host->refuses = true;
    host->paused = false;
    for (struct wire *wire = host->net->wires; wire != NULL; wire = wire->next) {
        if (wire->host == host) {
            wire_kill(wire);
        }
    }
}

static void kick(struct net_host *host) {
    for (struct wire *wire = host->net->wires; wire != NULL; wire = wire->next) {
        if (wire->host == host) {
            wire_kick(wire);
        }
    }
}

void net_host_set_paused(struct net_host *host, bool paused) {
    host->paused = paused;
    kick(host);
}

void net_host_set_cut(struct net_host *host, bool cut) {
    host->cut = cut;
    kick(host);
}

void net_host_reset_wires(struct net_host *host) {
    for (struct wire *wire = host->net->wires; wire != NULL; wire = wire->next) {
        if (wire->host == host) {
            wire_reset(wire);
        }
    }
}

/* --- struct etcd_io --- */

static struct net_host *find(struct net *net, const char *name) {
    for (size_t i = 0; i < net->host_count; i++) {
        if (strcmp(net->hosts[i].name, name) == 0) {
            return &net->hosts[i];
        }
    }
    return NULL;
}

static void connect_fails(void *ctx) {
    struct wire *wire = ctx;
    struct etcd_link *link = wire->link;
    enum larder_error error = wire->host == NULL    ? LARDER_ERROR_NOT_FOUND
                              : wire->host->refuses ? LARDER_ERROR_REFUSED
                                                    : LARDER_ERROR_TIMEOUT;

    wire->event = NULL;
    wire_free(wire);
    etcd_link_closed(link, error, SLICE("in the simulation"));
}

static void connect_arrives(void *ctx);

/* Nobody answers; the kernel asks again, and its owner gives up in the end. */
static void connect_waits(struct wire *wire) {
    struct sim *sim = wire->net->sim;
    int64_t left = wire->give_up_ns - sim->now_ns;

    wire->event = left <= CONNECT_AGAIN_NS ? sim_after(sim, left, connect_fails, wire)
                                           : sim_after(sim, CONNECT_AGAIN_NS, connect_arrives, wire);
}

static void connect_arrives(void *ctx) {
    struct wire *wire = ctx;
    struct net_host *host = wire->host;

    wire->event = NULL;
    if (host == NULL || (host->refuses && !host->cut)) {
        connect_fails(wire);
    } else if (host->cut) {
        connect_waits(wire);
    } else {
        host->opened++;
        wire->is_open = true;
        if (!host->paused) {
            wire_accept(wire);
        }
        etcd_link_opened(wire->link);
    }
}

static void *io_connect(void *ctx, struct etcd_link *link, const struct etcd_endpoint *endpoint, int64_t timeout_ns) {
    struct net_user *user = ctx;
    struct net *net = user->net;
    struct wire *wire = wire_new(net, find(net, endpoint->address.host), link);
    int64_t delay = 0;

    wire->give_up_ns = net->sim->now_ns + timeout_ns;
    if (wire->host != NULL) {
        wire->host->connects++;
        wire->host->last_connect_ns = net->sim->now_ns;
        delay = 2 * wire->host->delay_ns;
    }
    wire->event = sim_after(net->sim, delay, connect_arrives, wire);
    return wire;
}

static enum larder_error io_write(void *ctx, void *handle, const struct iovec *pieces, int count, size_t *ret_written) {
    (void)ctx;
    return wire_write(handle, pieces, count, ret_written);
}

static void io_close(void *ctx, void *handle) {
    (void)ctx;
    wire_leave(handle);
}

static int64_t io_now(void *ctx) {
    const struct net_user *user = ctx;

    return user->net->sim->now_ns;
}

static void wake(void *ctx) {
    struct net_user *user = ctx;

    user->event = NULL;
    user->wake(user->ctx);
}

static void io_wake_at(void *ctx, int64_t at_ns) {
    struct net_user *user = ctx;
    struct sim *sim = user->net->sim;

    sim_cancel(sim, user->event);
    user->event = at_ns == INT64_MAX ? NULL : sim_after(sim, at_ns - sim->now_ns, wake, user);
}

void net_user_fini(struct net_user *user) {
    sim_cancel(user->net->sim, user->event);
    user->event = NULL;
}

const struct etcd_io net_io = {io_connect, io_write, io_close, io_now, io_wake_at};
