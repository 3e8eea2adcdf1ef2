/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_CROWD_H
#define LARDER_TESTS_SIM_COHERENCE_CROWD_H

#include "node.h"

/* Those who read and write: through the node, and, some writers, past it. */
enum { ASK_OPS = 4, ASK_NAME = 8, ASK_OPEN_MOST = 200 };

/* What a call without a deadline may take. */
#define CROWD_TIMEOUT (INT64_C(5) * 1000 * 1000 * 1000)

/* One call of somebody on the node. */
struct ask {
    struct store_call call; /* the first member */
    struct trial *trial;
    size_t machine;
    int64_t begun_ns;
    int64_t deadline_ns;
    bool is_done;
    bool by_try;             /* it was answered at once */
    struct node_known known; /* when it was begun */
    struct store_op ops[ASK_OPS];
    struct store_compare compare;
    char values[ASK_OPS][ASK_NAME];
    struct ask *next;
};

struct crowd {
    struct trial *trial;
    struct ask *open;
    struct ask *over; /* they stay until the end, so that one that ends twice is seen */
    size_t open_count;
    int64_t pause_ns;       /* between two askings, at most */
    int64_t write_pause_ns; /* of those who write past the node; 0: they do not */
    unsigned write_percent; /* of those on the node */
    bool reads_only_kept;   /* only linearizable, max_age and serializable reads of keys that are kept, and mirrors */
    struct sim_event *asking;
    struct sim_event *writing;
    struct sim_event *watching; /* over deadlines */
    int64_t lease;              /* that some keys have; 0: none */
    uint64_t values;
    /* What came of it. */
    uint64_t answered; /* with OK */
    uint64_t failed;
    uint64_t from_memory;
    uint64_t tried; /* from memory, at once */
};

void crowd_init(struct crowd *crowd, struct trial *trial);
void crowd_begin(struct crowd *crowd);
/* No more is begun. */
void crowd_stop(struct crowd *crowd);
void crowd_fini(struct crowd *crowd);

/* One call, of a kind that chance says. */
void crowd_ask(struct crowd *crowd);

/* One change past the node, if the cluster takes it. */
void crowd_write(struct crowd *crowd);

/* A value that no other has. */
struct slice crowd_value(struct crowd *crowd, char place[ASK_NAME]);

/* A new call; to be filled in, then sent. */
struct ask *ask_new(struct crowd *crowd);
/* `at_once`: by coherence_try, if it can. Valid until crowd_fini. */
void ask_send(struct ask *ask, bool at_once);
/* The node's thread has it. */
void ask_arrived(struct store_call *call);

/* Fails the test if the answer is not what the truth allows. Called when it is done. */
void judge(struct ask *ask);

#endif
