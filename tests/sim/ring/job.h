/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_JOB_H
#define LARDER_TESTS_SIM_RING_JOB_H

#include "layout.h"
#include "ring/errand.h"

struct node;
struct letter;

/* What is asked of a key, by a client or a peer. The unique value of a SET, ADD or CAS is its cas as well. */
enum op_kind { OP_GET, OP_SET, OP_ADD, OP_CAS, OP_INCR, OP_DELETE, OP_TOUCH, OP_PURGE, OP_KINDS };

struct op {
    enum op_kind kind;
    size_t key;
    unsigned group;   /* PURGE: RING_TRIAL_GROUPS: all */
    uint64_t value;   /* to be written */
    uint64_t compare; /* CAS */
};

enum outcome {
    OUTCOME_HIT, /* GET */
    OUTCOME_MISS,
    OUTCOME_YES,    /* done */
    OUTCOME_NO,     /* NOT_STORED, EXISTS */
    OUTCOME_ABSENT, /* NOT_FOUND */
    OUTCOME_AWAY,
    OUTCOME_UNKNOWN,
    OUTCOME_ISOLATED,
    OUTCOME_NO_RING,
    OUTCOME_UNSETTLED,
    OUTCOME_WRONG,
    OUTCOME_DIED, /* the node did */
};

struct answer {
    enum outcome outcome;
    uint64_t value;   /* GET, INCR: what it is now */
    int64_t revision; /* WRONG */
};

static inline bool outcome_is_of_table(enum outcome outcome) {
    return outcome <= OUTCOME_ABSENT;
}

/* A request on a node. */
struct job {
    uint64_t id;
    struct op op;
    struct errand errand;
    uint64_t ask; /* of a client; 0: a peer's */
    size_t peer;  /* whose it is, and the letter's number */
    uint64_t peer_number;
    unsigned peer_connection;
    int64_t decided_ns;    /* when it was decided by the view it has; of the simulation's clock */
    bool awaits;           /* the view of errand.revision */
    struct flight *flight; /* that it waits for */
    uint64_t letter;       /* that it waits for an answer to; 0: none */
    size_t letter_to;
    unsigned letter_connection;
    struct answer answer;
    struct job *next;
};

/* A previous owner is asked: one for a key, a member and a view. */
struct flight {
    uint64_t letter;
    size_t to; /* process */
    unsigned connection;
    size_t key;
    uint32_t slot;
    uint16_t member;
    bool discards;
    bool is_answered;
    enum errand_asked how;
    int64_t revision;
    struct keeper_view *view;
    struct flight *next;
};

/* A client's request comes to a worker of the node. */
void job_begin(struct node *node, const struct op *op, uint64_t ask);

/* A peer's does, or an answer to what was sent. */
void job_letter(struct node *node, const struct letter *letter);

/* The connection to a process is lost: what was sent over it has no answer. */
void jobs_lost(struct node *node, size_t to);

void jobs_view_changed(struct node *node);
void job_purged(struct node *node, uint64_t job);

/* The process ends. */
void jobs_end(struct node *node);

#endif
