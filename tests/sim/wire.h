/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_WIRE_H
#define LARDER_TESTS_SIM_WIRE_H

#include "net.h"

/* One connection of the network, from the inside; net.c alone includes this. */
struct chunk {
    struct chunk *next;
    int64_t at_ns;           /* when it arrives */
    enum larder_error ended; /* it is the end, without bytes */
    size_t size;
    char bytes[];
};

/* One way. */
struct pipe {
    struct chunk *first;
    struct chunk *last;
    size_t bytes;
    struct sim_event *event; /* of the first chunk; NULL: there is none, or it is held back */
};

struct wire {
    struct net *net;
    struct net_host *host;  /* NULL: there is no such host */
    struct etcd_link *link; /* NULL: the client has let go of it, or knows of its end */
    void *peer;             /* the server's; NULL: not accepted, or let go of */
    bool is_open;
    bool is_accepted;
    bool is_over;    /* for the server: it has closed it, or was told of the end */
    bool wants_room; /* the client waits for etcd_link_writable */
    bool is_broken;  /* for the client: writing fails */
    int64_t give_up_ns;
    struct sim_event *event; /* of connecting, or of being freed */
    struct pipe up;          /* to the server */
    struct pipe down;
    struct wire *next;
    struct wire **previous;
};

struct wire *wire_new(struct net *net, struct net_host *host, struct etcd_link *link);
void wire_free(struct wire *wire);

void wire_accept(struct wire *wire);
enum larder_error wire_write(struct wire *wire, const struct iovec *pieces, int count, size_t *ret_written);

/* The client closes it. */
void wire_leave(struct wire *wire);

/* The server's process has ended. */
void wire_kill(struct wire *wire);

/* Somebody between the two has ended it. */
void wire_reset(struct wire *wire);

/* The host has changed: what was held back may go on. */
void wire_kick(struct wire *wire);

#endif
