/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_NET_H
#define LARDER_TESTS_SIM_NET_H

#include "base/slice.h"
#include "clock.h"
#include "store/etcd/io.h"

/* A virtual network: hosts that listen, clients that connect, and between them wires, which are two pipes of bytes as TCP
 * has them: in order, none lost and none twice, but late, in pieces, held back, or cut off at the end.
 *
 * A host may refuse connections (no process listens), be paused (the process is stopped: the kernel accepts connections and
 * takes bytes, nobody answers), or be cut off (no byte passes, connecting takes for ever; later the bytes go on). */
enum { NET_HOSTS_MAX = 16, NET_WINDOW = 48 << 10 /* bytes under way that a client's kernel takes */ };

struct wire; /* one connection */

/* Who listens at a host. Events of one wire are: accept, input*, and gone unless the host ended it. */
struct net_server {
    void *(*accept)(void *ctx, struct wire *wire); /* what the wire's events are told */
    void (*input)(void *peer, struct slice bytes);
    void (*gone)(void *peer); /* the client has ended it; the wire is gone */
};

struct net_host {
    struct net *net;
    char name[16];
    const struct net_server *server;
    void *ctx;
    bool refuses;
    bool paused;
    bool cut;
    int64_t delay_ns;  /* one way */
    int64_t jitter_ns; /* up to so much more */
    uint64_t connects; /* attempts */
    uint64_t opened;
    int64_t last_connect_ns;
};

struct net {
    struct sim *sim;
    struct net_host hosts[NET_HOSTS_MAX];
    size_t host_count;
    struct wire *wires;
    unsigned partial_percent; /* writes that are taken in part only */
    unsigned split_percent;   /* pieces that come in two */
};

/* A client of the network: the ctx of net_io. */
struct net_user {
    struct net *net;
    void (*wake)(void *ctx); /* what wake_at asked for */
    void *ctx;
    struct sim_event *event;
};

extern const struct etcd_io net_io;

void net_init(struct net *net, struct sim *sim);
void net_fini(struct net *net);

/* It refuses connections until net_host_listen. */
struct net_host *net_add_host(struct net *net, const char *name);
void net_host_listen(struct net_host *host, const struct net_server *server, void *ctx);

/* The process has ended: all its wires end, its own side without events. What was under way to clients may be lost. */
void net_host_kill(struct net_host *host);

void net_host_set_paused(struct net_host *host, bool paused);
void net_host_set_cut(struct net_host *host, bool cut);

/* All its connections are reset, though the process lives: `gone` follows. */
void net_host_reset_wires(struct net_host *host);

/* The server's side of a wire. */
void wire_send(struct wire *wire, struct slice bytes);
/* The client hears of it after what was sent; the wire is gone for the server. */
void wire_close(struct wire *wire, enum larder_error error);

/* `wake` is not called any more. */
void net_user_fini(struct net_user *user);

#endif
