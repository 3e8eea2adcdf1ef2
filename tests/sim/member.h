/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_MEMBER_H
#define LARDER_TESTS_SIM_MEMBER_H

#include "cluster.h"
#include "ping_watch.h"
#include "proto/etcd/message.h"
#include "proto/etcd/method.h"
#include "proto/etcd/rpc.pb-c.h"
#include "proto/grpc/server.h"

/* One member of the model: a process that may be killed, stopped and started again. */
struct task;
struct connection;
struct call;

struct member {
    struct cluster *cluster;
    struct net_host *host;
    size_t place;
    uint64_t id;
    bool is_alive;
    bool is_paused;
    bool is_isolated;
    bool has_leader; /* thinks so */
    uint64_t boot;   /* which of its lives it is */
    size_t applied;  /* entries of the log, but the first */
    struct sim_event *applying;
    struct sim_event *noticing; /* that its leader is gone, or there */
    struct sim_event *stopping;
    struct task *tasks;    /* see member_after */
    struct round *waiting; /* for what is not applied yet */
    struct connection *connections;
};

struct connection {
    struct member *member;
    struct wire *wire;
    struct grpc_server *server;
    struct outbox out;
    struct ping_watch pings;
    struct call *calls;
    struct sim_event *flush;
    bool is_closing;
    struct connection *next;
    struct connection **previous;
};

/* A call of one method. It lives as long as anybody refers to it: the connection, until on_close, and what is under way. */
struct call {
    struct member *member;
    struct connection *connection; /* NULL: it is over */
    struct grpc_stream *stream;
    const struct etcd_method *method;
    struct arena arena; /* of the request and the answer */
    unsigned refs;
    char token[32];
    bool is_finished;
    void *state;                      /* of a stream's method */
    void (*close)(struct call *call); /* frees the state; may be NULL */
    struct call *next;
    struct call **previous;
};

extern const struct net_server member_server;

struct member *member_new(struct cluster *cluster, struct net_host *host, size_t place);
void member_free(struct member *member);

/* Its process ends: connections, calls and what it was at are gone. */
void member_end(struct member *member);

/* The revision it is at. */
int64_t member_revision(const struct member *member);

/* Does `run` later, in this life of the process: not while it is paused, but after that. `drop` instead, if it ends
 * before. */
void member_after(struct member *member, int64_t delay_ns, void (*run)(void *ctx), void (*drop)(void *ctx), void *ctx);
void member_resume_tasks(struct member *member);

/* Applies what has been agreed on, in a while, if it can. */
void member_apply_soon(struct member *member);

/* Reads under way fail, and streams end after a while. */
void member_lost_leader(struct member *member);

/* Its connections take no more calls, and end when theirs have. */
void member_say_goodbye(struct member *member);

/* --- calls --- */

struct call *call_hold(struct call *call);
void call_drop(struct call *call);

/* An answer. Nothing happens if the call is over. */
void call_send(struct call *call, const ProtobufCMessage *message);
void call_finish(struct call *call, enum etcd_error error);

/* Sends it, and finishes with OK. */
void call_answer(struct call *call, const ProtobufCMessage *message);

void call_header(const struct call *call, Etcdserverpb__ResponseHeader *ret_header);

/* --- methods: each takes one message of a call --- */

void member_range(struct call *call, const Etcdserverpb__RangeRequest *request);
void member_put(struct call *call, const Etcdserverpb__PutRequest *request);
void member_delete_range(struct call *call, const Etcdserverpb__DeleteRangeRequest *request);
void member_txn(struct call *call, const Etcdserverpb__TxnRequest *request);
void member_compact(struct call *call, const Etcdserverpb__CompactionRequest *request);
void member_lease_grant(struct call *call, const Etcdserverpb__LeaseGrantRequest *request);
void member_lease_revoke(struct call *call, const Etcdserverpb__LeaseRevokeRequest *request);
void member_lease_keep_alive(struct call *call, const Etcdserverpb__LeaseKeepAliveRequest *request);
void member_lease_time_to_live(struct call *call, const Etcdserverpb__LeaseTimeToLiveRequest *request);
void member_lease_leases(struct call *call);
void member_member_list(struct call *call);
void member_status(struct call *call);
void member_authenticate(struct call *call, const Etcdserverpb__AuthenticateRequest *request);
void member_watch(struct call *call, const Etcdserverpb__WatchRequest *request);

/* Events that have become known go to the watches of the call. */
void member_watch_flush(struct call *call);

/* Whether the call's token is good. */
enum etcd_error member_check(const struct call *call);

#endif
