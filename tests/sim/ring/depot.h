/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_DEPOT_H
#define LARDER_TESTS_SIM_RING_DEPOT_H

#include "layout.h"
#include "ring/membership.h"

struct trial;
struct depot;

/* A model of the store: records of nodes under leases, numbered purges, one change for each revision, and a watch of them for
 * each node. Questions and answers take time and get lost. */
struct roll_entry {
    size_t name;
    size_t process;
    int64_t incarnation;
    bool leaving;
};

/* Who is there, by name. */
struct roll {
    size_t count;
    struct roll_entry entries[RING_TRIAL_NAMES];
};

struct membership *roll_membership(const struct roll *roll, int64_t revision);
const struct roll_entry *roll_find(const struct roll *roll, size_t name);

struct depot_record {
    struct depot *depot;
    int64_t incarnation; /* 0: there is none */
    size_t process;
    uint64_t life; /* of the process */
    bool leaving;
    int64_t applied; /* purges */
    int64_t expires_ns;
    struct sim_event *expiry;
};

struct depot_event {
    bool is_purge;
    size_t process; /* who entered, if somebody did, and in which life */
    uint64_t life;
    unsigned group; /* RING_TRIAL_GROUPS: all */
    struct roll roll;
};

enum question_kind {
    QUESTION_LIST,
    QUESTION_REVISION,
    QUESTION_REGISTER,
    QUESTION_RENEW,
    QUESTION_LEAVING,
    QUESTION_REMOVE,
    QUESTION_PURGE,
    QUESTION_APPLIED,
};

struct question {
    enum question_kind kind;
    size_t process;
    uint64_t life;
    size_t name;
    unsigned group;
    int64_t number;  /* of purges */
    int64_t sent_ns; /* by the node's clock */
    uint64_t job;    /* whose purge it is */
    /* The answer. */
    bool good;
    int64_t revision;
    int64_t incarnation;
    struct roll roll;
    int64_t purges[RING_TRIAL_GROUPS + 1];
    struct question *next;
    struct trial *trial;
};

/* The stream of events to one node. */
struct depot_watch {
    bool is_open;
    unsigned connection;
    int64_t sent; /* revision */
    struct sim_event *event;
    struct trial *trial;
    size_t process;
};

struct depot {
    struct trial *trial;
    int64_t revision;
    int64_t compacted;
    struct depot_record records[RING_TRIAL_NAMES];
    int64_t purges[RING_TRIAL_GROUPS + 1];
    struct depot_event *log; /* by revision */
    struct depot_watch watches[RING_TRIAL_NODES];
    struct question *waiting; /* purges that some have not applied */
    int64_t away_until_ns;
    int64_t delay_ns;
    int64_t lag_ns[RING_TRIAL_NODES]; /* of watches */
    unsigned lost_percent;
};

void depot_init(struct depot *depot, struct trial *trial);
void depot_fini(struct depot *depot);

/* A question, copied; node_answered follows, or nothing does. */
void depot_ask(struct depot *depot, const struct question *question);

/* The events after `revision` follow, by node_event, if it is not compacted; else the watch stays closed. */
bool depot_watch(struct depot *depot, size_t process, int64_t revision);
void depot_unwatch(struct depot *depot, size_t process);

#endif
