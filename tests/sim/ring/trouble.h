/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_TROUBLE_H
#define LARDER_TESTS_SIM_RING_TROUBLE_H

#include "../clock.h"

struct trial;

/* What goes wrong: by chance, one thing after another, of the kinds that are wanted. */
enum trouble_kind {
    TROUBLE_KILL,      /* a process is killed, and comes again sooner or later, within its lease or after */
    TROUBLE_PAUSE,     /* one stands still, for a moment or for many leases */
    TROUBLE_LEAVE,     /* a node leaves */
    TROUBLE_TWIN,      /* a process begins with the name of another */
    TROUBLE_AWAY,      /* the store cannot be reached for a while */
    TROUBLE_SLOW,      /* the store is slow, and loses some questions and answers */
    TROUBLE_LAG,       /* a watch lags behind */
    TROUBLE_WATCH,     /* a watch is lost */
    TROUBLE_COMPACT,   /* old revisions of the store go */
    TROUBLE_BREAK,     /* a connection breaks */
    TROUBLE_HOLD,      /* nothing passes a connection for a while, in one direction or both */
    TROUBLE_PARTITION, /* some processes cannot reach others */
    TROUBLE_LATE,      /* letters take long */
    TROUBLE_EVICT,     /* an entry goes */
    TROUBLE_KINDS
};

enum {
    TROUBLE_ALL = (1 << TROUBLE_KINDS) - 1,
    TROUBLE_OF_MEMBERS = 1 << TROUBLE_KILL | 1 << TROUBLE_LEAVE | 1 << TROUBLE_LAG | 1 << TROUBLE_PAUSE,
};

struct trouble {
    struct trial *trial;
    unsigned kinds;
    int64_t pause_ns; /* between two, at most */
    struct sim_event *event;
};

void trouble_begin(struct trouble *trouble, struct trial *trial, unsigned kinds, int64_t pause_ns);

/* All is well again, but for what is lost; nodes that are away stay away. */
void trouble_end(struct trouble *trouble);

#endif
