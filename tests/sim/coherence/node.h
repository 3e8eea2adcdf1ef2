/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_NODE_H
#define LARDER_TESTS_SIM_COHERENCE_NODE_H

#include "layout.h"
#include "told.h"

struct trial;
struct parcel;

/* What of a key's changes somebody on the node has been shown, in each era. */
struct node_known {
    int64_t revisions[TRUTH_ERAS][LAYOUT_KEYS];
};

struct node_machine {
    struct trial *trial;
    size_t index;
    struct coherence *c;
    struct told told;
    int64_t handed;    /* the highest revision that it was told of in any way */
    size_t answer_era; /* the newest of which it had a linearizable answer */
    size_t known_era;  /* the newest of which it had one that was asked for when it had been told of `handed` */
    struct sim_event *wake;
    bool is_due; /* it was to be woken while the thread stood still */
    bool has_news;
};

/* The process that is tested: machines on one thread, and a keyspace. */
struct node {
    struct trial *trial;
    struct keyspace *keyspace;
    bool has_room; /* for all keys */
    struct node_machine machines[LAYOUT_MACHINES];
    struct node_known known;
    bool is_stalled;      /* the thread stands still; those who ask do not */
    bool is_paused;       /* the whole process does */
    bool is_spoilt;       /* the keyspace was made wrong by the test */
    int64_t moved_ns;     /* when it last came to do something */
    struct parcel *first; /* what has come and was not looked at */
    struct parcel **last;
    struct sim_event *turn;
    struct sim_event *release;
    uint64_t turns;
};

void node_init(struct node *node, struct trial *trial, size_t memory);
void node_start(struct node *node);
void node_fini(struct node *node);

/* Something comes. Owned from now on. */
void node_take(struct node *node, struct parcel *parcel);

/* Whether something of an era before this one was not looked at yet. */
bool node_has_parcels_before(const struct node *node, size_t era);

/* The thread stands still for so long, or the process does. */
void node_hold(struct node *node, int64_t ns, bool whole_process);

/* The cluster went back to the base of the newest era. */
void node_restored(struct node *node);

/* Somebody on the node was shown a key's change (of `revision`, in `era`). */
void node_showed(struct node *node, size_t era, size_t key, int64_t revision);

/* Holds what the machines say against the truth; `keyspace`: that as well. */
void node_check(struct node *node, bool keyspace);

#endif
