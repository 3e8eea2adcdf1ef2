/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_NONSENSE_H
#define LARDER_TESTS_SIM_NONSENSE_H

#include "net.h"

/* Something that listens where a member should, and is none. */
enum nonsense_kind {
    NONSENSE_BYTES,    /* whatever */
    NONSENSE_HTTP1,    /* a web server's answer */
    NONSENSE_TLS,      /* an alert: it wanted TLS */
    NONSENSE_FRAMES,   /* SETTINGS of HTTP/2, then frames at random */
    NONSENSE_CUT,      /* half a frame, and the end */
    NONSENSE_SILENCE,  /* it accepts and says nothing */
    NONSENSE_ENDS,     /* it accepts and closes */
    NONSENSE_MESSAGES, /* gRPC whose messages are no protobuf */
    NONSENSE_STATUSES, /* gRPC that ends each call with a status at random */
    NONSENSE_KINDS
};

struct nonsense {
    struct sim *sim;
    enum nonsense_kind kind;
    struct nonsense_peer *peers;
    uint64_t accepted;
};

void nonsense_init(struct nonsense *nonsense, struct sim *sim, enum nonsense_kind kind);

/* The host listens with it from now on; whoever did before must have been killed. */
void nonsense_listen(struct nonsense *nonsense, struct net_host *host);

/* After the clients are gone, before the network is. */
void nonsense_fini(struct nonsense *nonsense);

#endif
