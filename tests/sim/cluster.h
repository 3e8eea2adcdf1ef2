/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_CLUSTER_H
#define LARDER_TESTS_SIM_CLUSTER_H

#include "mvcc.h"
#include "net.h"

/* A model of a cluster of etcd: members behind the hosts of a virtual network, which speak etcd's API in gRPC's bytes. One
 * history (mvcc.h) is what they have agreed on; each has applied the beginning of it, and answers out of that. A change is
 * agreed on while there is a leader that reaches a majority. What was handed in when that is not so may be lost, or be done
 * later, by the next leader: chance decides, as it does in the world. */
enum { CLUSTER_MEMBERS_MAX = 5, CLUSTER_TOKENS_MAX = 256, CLUSTER_NO_LEADER = -1 };

struct member;
struct call;
struct round;

struct cluster_token {
    char text[24];
    int64_t end_ns;
    unsigned members; /* a bit for each that knows it: a member that begins again does not */
};

struct cluster {
    struct sim *sim;
    struct net *net;
    struct mvcc mvcc;
    struct member *members[CLUSTER_MEMBERS_MAX];
    size_t count;
    uint64_t id;
    int leader; /* CLUSTER_NO_LEADER: none now */
    uint64_t term;
    int64_t *log; /* the revision after each entry; the first is that of the empty store */
    size_t log_count;
    struct round *rounds;    /* all */
    struct round *lingering; /* handed in when nobody could agree: for the next leader, if it is lucky */
    struct sim_event *election;
    struct sim_event *expiry;
    struct cluster_token tokens[CLUSTER_TOKENS_MAX];
    size_t token_count;

    /* What tests set. */
    const char *version;   /* of etcd */
    const char *password;  /* of the user "root"; NULL: no authentication */
    int64_t token_ttl_ns;  /* since it was used last */
    int64_t commit_ns;     /* what agreeing takes, or a bit more */
    int64_t lag_ns;        /* a member applies an entry up to so much later, now and then */
    unsigned lag_percent;  /* how often that is */
    size_t fragment_bytes; /* of one answer of a watch */
    unsigned echo_percent; /* events of a watch that are sent once more (etcd#15271) */
    bool progress_lies;    /* progress is told before the events are sent (etcd#15220) */
    int64_t progress_ns;   /* how often it is told */
    uint32_t max_streams;
    unsigned garble_percent; /* answers of KV that are no protobuf, or are missing, or come twice */
    unsigned garblers;       /* a bit for each member that does so */
    unsigned busy_percent;   /* requests that are refused because there are too many */

    /* What they read. */
    uint64_t requests;
    uint64_t without_leader_wish; /* requests that would have been served without a leader */
    uint64_t too_many_pings;      /* connections ended for it */
    uint64_t logins;
    uint64_t bad_tokens;
    uint64_t watches;
};

/* On hosts of its own, called `name` and a number from 0 on. All members run, one leads. */
void cluster_init(struct cluster *cluster, struct sim *sim, struct net *net, const char *name, size_t count,
                  uint64_t id);
void cluster_fini(struct cluster *cluster);

/* --- faults; each may be done twice --- */

void cluster_kill(struct cluster *cluster, size_t place);    /* SIGKILL */
void cluster_stop(struct cluster *cluster, size_t place);    /* SIGTERM: says goodbye first */
void cluster_restart(struct cluster *cluster, size_t place); /* of one that was killed or stopped */
void cluster_pause(struct cluster *cluster, size_t place);   /* SIGSTOP */
void cluster_resume(struct cluster *cluster, size_t place);

/* The other members cannot be reached from it any more; clients can. */
void cluster_isolate(struct cluster *cluster, size_t place);
void cluster_rejoin(struct cluster *cluster, size_t place);

/* The leader gives up its place; for a while there is none. */
void cluster_depose(struct cluster *cluster);

void cluster_heal(struct cluster *cluster); /* all of it, also what the network holds back */

struct net_host *cluster_host(struct cluster *cluster, size_t place);

/* There is a leader, and it reaches a majority. */
bool cluster_is_able(const struct cluster *cluster);

/* All tokens are forgotten. */
void cluster_drop_tokens(struct cluster *cluster);

/* Changes the store itself, as a client would that is not looked at. */
enum etcd_error cluster_apply(struct cluster *cluster, const struct store_op *op);

/* --- for members --- */

/* What a member needs the leader for: a change to be agreed on, or to be told how far a read must have got. */
struct round {
    struct cluster *cluster;
    struct member *member;
    uint64_t boot; /* of the member, when it asked */
    struct call *call;
    struct store_op op;
    unsigned refs;
    size_t index; /* the entry of the log that must be applied before it is over */
    bool is_over; /* `done` was called */
    enum etcd_error error;
    struct store_result result;
    void (*done)(struct round *round); /* not if the member ends first */
    struct sim_event *event;           /* of its way to the leader */
    struct round *waiting_next;        /* in the member's list, or that of what the next leader may find */
    struct round *next;                /* all of the cluster */
    struct round **previous;
};

/* Begins one for a call; `op` and its slices live in the call's arena. */
void round_begin(struct call *call, const struct store_op *op, void (*done)(struct round *round));

void round_drop(struct round *round);

/* It is over, with round->error; unless it is already. */
void round_end(struct round *round);

/* The leader takes it. */
void round_take(struct round *round);

/* An entry was added to the log. */
void cluster_agreed(struct cluster *cluster);

bool cluster_reaches_leader(const struct cluster *cluster, const struct member *member);

#endif
