/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_LINK_H
#define LARDER_STORE_ETCD_LINK_H

#include "base/outbox.h"
#include "proto/grpc/client.h"
#include "store/etcd/io.h"

/* One connection to a member: gRPC on the world's bytes, and whether the other side lives.
 *
 * A connection is checked before anybody may use it: its first call is Status, which says whose member it is
 * (question.h). From then on a ping goes out when calls are open and nothing has come for keepalive_time; if nothing comes
 * for keepalive_timeout after it, the connection is dead. etcd ends connections that ping too often (its gRPC server bears one
 * ping in 5 s, but starts anew whenever it has sent HEADERS or DATA), so the next one waits for either. */

struct etcd_client;
struct etcd_member_state;

/* A call of ours on a link; lies at the front of whatever it belongs to. */
struct etcd_call {
    const struct etcd_call_ops *ops;
    struct etcd_link *link; /* NULL: no call is open */
    struct grpc_call *call;
    uint64_t at_byte; /* of the connection's bytes, the call's come later */
};

/* Both are called inside grpc_client_feed, _write or _free: they take notes and leave the rest to etcd_client_settle. */
struct etcd_call_ops {
    void (*on_message)(struct etcd_call *call, struct slice message);
    /* call->link is NULL already; `link` is where it was. end->untouched is also true of what has never left this side. */
    void (*on_close)(struct etcd_call *call, struct etcd_link *link, const struct grpc_end *end);
};

enum etcd_purpose { ETCD_FOR_REQUESTS, ETCD_FOR_STREAMS, ETCD_PURPOSES };

enum etcd_link_phase {
    ETCD_LINK_OPENING,
    ETCD_LINK_CHECKING, /* Status has been asked */
    ETCD_LINK_READY,
    ETCD_LINK_DRAINING, /* takes no new calls, and goes when the last has ended */
    ETCD_LINK_DEAD,     /* freed at the end of the event */
};

/* What is asked of a member for our own sake, one of each at a time. */
enum etcd_question_kind {
    ETCD_QUESTION_STATUS,  /* who it is */
    ETCD_QUESTION_MEMBERS, /* who else there is */
    ETCD_QUESTION_PROBE,   /* whether it serves again: a linearizable read */
    ETCD_QUESTIONS
};

struct etcd_question {
    struct etcd_call call; /* first */
    enum etcd_question_kind kind;
    int64_t sent_ns;
    int64_t due_ns;
    bool is_answered;
    bool has_token; /* one went along */
};

struct etcd_link {
    struct etcd_client *client;
    struct etcd_member_state *member; /* NULL: the cluster has it no longer */
    enum etcd_purpose purpose;
    enum etcd_link_phase phase;
    struct etcd_link *next; /* in client->links */
    struct etcd_link *previous;
    struct etcd_link *next_dirty; /* in client->dirty: something is to be sent */
    bool is_dirty;
    bool is_stuck;  /* the world took less than all; it will say when it takes more */
    bool is_broken; /* a write failed; etcd_link_closed follows */
    void *handle;   /* NULL: the world has given it up */
    struct grpc_client *grpc;
    struct outbox out;
    uint64_t written;   /* bytes the world has taken */
    int64_t begun_ns;   /* when it began to connect */
    int64_t heard_ns;   /* when the last bytes came */
    int64_t busy_ns;    /* since when calls are open */
    int64_t pinged_ns;  /* when the last ping went out; 0: none did */
    int64_t retire_ns;  /* when it is old enough to be replaced; INT64_MAX: never */
    uint64_t pongs;     /* as of the last input */
    uint64_t frames;    /* that had come when the last ping was answered */
    bool is_ping_free;  /* HEADERS or DATA have come since, or there was none */
    bool is_ping_alone; /* nothing has come since the last ping */
    struct etcd_question questions[ETCD_QUESTIONS];
};

/* Begins to connect. NULL: no memory or descriptors. */
struct etcd_link *etcd_link_new(struct etcd_client *client, struct etcd_member_state *member,
                                enum etcd_purpose purpose);

/* Gives it up: no new calls, and at the end of the event those that are open end. Twice is fine. */
void etcd_link_kill(struct etcd_link *link);

/* As etcd_link_kill, because something is wrong with it: the member fails. `why` is for people. */
void etcd_link_lose(struct etcd_link *link, const char *why);

/* Takes no new calls; goes by itself when the last has ended. */
void etcd_link_drain(struct etcd_link *link);

/* Frees a dead one: its calls end. Not inside gRPC's events. */
void etcd_link_free(struct etcd_link *link);

/* Whether requests may be begun. */
static inline bool etcd_link_is_ready(const struct etcd_link *link) {
    return link != NULL && link->phase == ETCD_LINK_READY && !link->is_broken;
}

/* Something is to be sent, at the end of the event. */
void etcd_link_make_dirty(struct etcd_link *link);

/* Sends what was begun. */
void etcd_link_flush(struct etcd_link *link);

/* Takes note of the life that was heard: bytes have come. */
void etcd_link_hear(struct etcd_link *link);

/* When etcd_link_tend is to be called. */
int64_t etcd_link_due(const struct etcd_link *link);

/* Pings, gives up, replaces: what time has made due. */
void etcd_link_tend(struct etcd_link *link);

/* Begins a call. False: no memory, or the connection takes no new calls. */
bool etcd_call_begin(struct etcd_call *call, struct etcd_link *link, struct slice path,
                     const struct grpc_call_options *options);

/* Gives a call up, if one is open: no event follows. */
void etcd_call_drop(struct etcd_call *call);

#endif
