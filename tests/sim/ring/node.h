/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_RING_NODE_H
#define LARDER_TESTS_SIM_RING_NODE_H

#include "depot.h"
#include "job.h"
#include "ring/keeper.h"

struct trial;

/* What comes to a process: to its control thread or to one of its workers. Each in its order; while the process is paused,
 * it waits. */
enum lane { LANE_CONTROL, LANE_WORKER, LANES };

typedef void node_fn(struct node *node, uint64_t number, void *payload);

struct task {
    struct node *node;
    uint64_t life;
    enum lane lane;
    node_fn *run;
    uint64_t number;
    void *payload; /* freed with it */
    struct task *next;
};

/* The part of the control thread: what `cluster/` does. */
struct steward {
    bool has_list;
    struct roll roll;
    int64_t cursor; /* the revision up to which all is known */
    int64_t purges[RING_TRIAL_GROUPS + 1];
    int64_t purged[RING_TRIAL_GROUPS + 1]; /* what of them the keeper knows */
    bool is_late;                          /* something is known that the keeper has not been told */
    int64_t incarnation;
    int64_t renewed_ns;
    int64_t proven_ns;
    bool has_proof; /* it is answered, and `cursor` is to reach it */
    int64_t proof_revision;
    int64_t proof_ns;
    int64_t asked_ns[QUESTION_APPLIED + 1]; /* when each was sent last */
    bool wants_list;
    bool leaves;
    int64_t leaving_ns; /* since it knows that its record says so; 0: not yet */
};

struct shelf_entry {
    bool is_there;
    uint64_t value;
    uint8_t era;
};

/* A process. */
struct node {
    struct trial *trial;
    size_t process;
    size_t name;
    uint64_t life;
    bool is_alive;
    bool is_paused;
    int64_t resumed_ns[LANES]; /* when each thread last went on */
    double rate;               /* of its clock */
    double wanted_rate;        /* 0: any */
    struct task *held;
    struct task **held_end;
    struct keeper *keeper;
    struct keeper_view *views[RING_TRIAL_WORKERS]; /* what the workers hold */
    struct steward steward;
    struct shelf_entry shelf[RING_TRIAL_KEYS];
    struct job *jobs;
    struct flight *flights;
};

void node_init(struct node *node, struct trial *trial, size_t process);
void node_start(struct node *node, size_t name);
void node_kill(struct node *node);
void node_pause(struct node *node);
void node_resume(struct node *node);

int64_t node_now(const struct node *node);

/* `run` is called after so long by the node's clock, if it lives on. */
void node_task(struct node *node, enum lane lane, int64_t delay_ns, node_fn *run, uint64_t number, void *payload);

/* --- steward.c --- */

void steward_start(struct node *node);
void node_answered(struct node *node, struct question *question); /* takes it */
void node_event(struct node *node, unsigned connection, int64_t revision);
void steward_leave(struct node *node);

/* Purges of a client. */
void steward_purge(struct node *node, unsigned group, uint64_t job);

/* The membership is to be read anew. */
void steward_refresh(struct node *node);

bool node_is_member(const struct node *node);

/* --- shelf.c --- */

/* Under the lock of a key: does what the job wants, as ERRAND_RUN says. */
enum errand_ran shelf_run(struct node *node, struct job *job);
void shelf_take(struct node *node, const struct flight *flight, uint64_t value);
void shelf_clear(struct node *node);
void shelf_sweep(struct node *node);

#endif
