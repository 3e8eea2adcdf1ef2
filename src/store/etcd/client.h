/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_CLIENT_H
#define LARDER_STORE_ETCD_CLIENT_H

#include "proto/etcd/error.h"
#include "proto/etcd/message.h"
#include "proto/etcd/method.h"
#include "store/etcd/facts.h"
#include "store/etcd/figures.h"
#include "store/etcd/io.h"
#include "store/store.h"

/* A client of an etcd cluster, as a machine without I/O: many members, one of which is in use. It fails over between them,
 * keeps a user's token good, learns the members from the cluster, and knows of each request whether it may have been done.
 * kv.h has the operations of the store on top of it, watch.h watches, keeper.h leases that are kept alive. One thread uses
 * it, and everything here may be called from inside its events but etcd_client_free.
 *
 * Requests and streams that last have a connection each, so that neither waits behind the other's bytes; both connections
 * are to the same member while it is well. A member is left
 *  - at once, when its connection breaks or refuses;
 *  - after keepalive_time + keepalive_timeout, when it does not even answer a ping although something was asked (a stopped
 *    process, a cut cable). A ping goes out no more often than etcd bears without ending the connection, see link.h;
 *  - after attempt_timeout, when it does not answer a request (cut off from its leader, a slow disk), or says that it has no
 *    leader. All requests say "hasleader", so a member without one refuses before it does anything (but those to one member
 *    alone that it can answer by itself: Status, MemberList, hashes and serializable ranges);
 *  - when what it says is not etcd's protocol, or another cluster's than the one first met (see etcd_client_cluster_id).
 * It is then tried again after a delay that doubles up to backoff_max, with jitter. A request that must not be repeated is
 * sent only to a member that has answered since the last trouble, its own or that of the cluster's leader, for one that does
 * not know yet that its leader is gone would pass it on to nobody; if nothing else shows it, a read is sent first.
 *
 * What may have been done: a request is *untouched* when no connection took it, the server said it did not look at it
 * (GOAWAY, REFUSED_STREAM), or the error is one etcd gives before it proposes anything; such a request is sent again
 * wherever there is hope, until its deadline. Any other lost answer is in doubt, and enum etcd_repeat decides. */
struct etcd_client;

struct etcd_client_config {
    const struct etcd_endpoint *endpoints; /* to begin with, in the order of preference; copied */
    size_t endpoint_count;
    bool shuffle;      /* begin with any of them, by `seed` */
    struct slice user; /* empty: none. Copied, as the password is */
    struct slice password;
    bool has_certificate;       /* members that ask for one are shown it, and may take it for a user's name */
    bool follow_members;        /* go on with the client URLs that the cluster says of its members */
    uint64_t seed;              /* of jitter, and of the numbers of leases */
    int64_t request_timeout_ns; /* of a request without a deadline of its own */
    int64_t dial_timeout_ns;
    int64_t attempt_timeout_ns;
    int64_t keepalive_time_ns;
    int64_t keepalive_timeout_ns;
    int64_t
        max_connection_age_ns; /* with up to a tenth less by chance; then it is replaced once another one stands. 0: never */
    int64_t backoff_min_ns;
    int64_t backoff_max_ns;
    int64_t refresh_ns;       /* how often members and their state are asked for */
    struct etcd_facts *facts; /* kept up to date for other threads; outlives the client. NULL: nobody wants to know */
};

/* The defaults (client_config.c): 5 s, 1 s, 2 s, 500 ms, 1 s, never, 25 ms, 5 s, 30 s. No endpoints. */
void etcd_client_config_init(struct etcd_client_config *ret_config);

enum {
    ETCD_QUEUE_MAX = 100000,    /* requests that have not been answered; more end with TOO_MANY_REQUESTS */
    ETCD_IN_FLIGHT_MAX = 2000,  /* of them, sent to the member in use (fewer if it takes fewer); the rest waits */
    ETCD_MESSAGE_MAX = 1 << 30, /* bytes of an answer */
};

/* `io` and `ctx` outlive it. NULL: out of memory. Connects when there is something to ask, or on etcd_client_start. */
struct etcd_client *etcd_client_new(const struct etcd_client_config *config, const struct etcd_io *io, void *ctx);

/* Ends all requests (CLOSED; UNKNOWN if in doubt), gives up all streams, closes all connections. NULL is allowed. */
void etcd_client_free(struct etcd_client *client);

/* Connects now, and stays connected: members and cluster become known and their state is refreshed. */
void etcd_client_start(struct etcd_client *client);

/* Does what time has made due; by io->wake_at. */
void etcd_client_run(struct etcd_client *client);

/* --- requests --- */

enum etcd_repeat {
    ETCD_REPEAT,     /* to do it twice is to do it once (reads): sent again until it is answered */
    ETCD_REPEAT_NOT, /* in doubt ends with STORE_UNKNOWN */
};

/* Which member: any, or that of a place in etcd_client_member (and no other: there is no fail-over then). */
enum { ETCD_ANY_MEMBER = -1 };

/* One request and its one answer. The caller fills in the first part and keeps the struct in place until `done`. Of a
 * method whose client streams (LeaseKeepAlive), one message is sent and one awaited. */
struct etcd_ask {
    const struct etcd_method *method;
    const ProtobufCMessage *request; /* borrowed until done */
    enum etcd_repeat repeat;
    int member;
    bool is_slow;     /* it may take as long as it wants: the member is not left over it, nor is it asked again */
    bool is_verbatim; /* whatever the server says is the answer, unless it is that it cannot serve now */
    /* `token` goes along, or none if it is empty, instead of that of the client's user, who is not logged in again over a
     * refusal either. Without one, it is said that the client's certificate does not stand for the caller. */
    bool as_caller;
    struct slice token;       /* borrowed until done */
    struct slice traceparent; /* of the span that asks; empty: of none. Borrowed until done, as is tracestate */
    struct slice tracestate;
    int64_t deadline_ns;                /* by io->now_ns; 0: request_timeout_ns from now */
    void (*done)(struct etcd_ask *ask); /* once, never from inside etcd_client_ask */
    void *owner;

    /* The answer. UNAVAILABLE: no member could be reached or would do it until the deadline. TIMEOUT: there was no answer
     * until then (only if it may be repeated, else UNKNOWN). DENIED, TOO_MANY_REQUESTS, NO_MEMORY, PROTOCOL, CLOSED, and for
     * what etcd says of the request itself its own status (etcd_outcome in outcome.h). */
    enum store_status status;
    enum etcd_error error; /* what the server said, ETCD_OK if it said something else */
    enum grpc_status grpc; /* the status that the server ended the last attempt with; GRPC_OK: it ended none, or well */
    struct slice text;     /* for people: what the server said, or what became of the last attempt; in the arena */
    ProtobufCMessage *response; /* in the arena; NULL unless status is OK */
    unsigned attempts;          /* that reached a connection */
    bool repeated;              /* an attempt before the last was in doubt */
    struct arena arena;         /* etcd_ask_fini frees it */

    struct etcd_ask_state *state; /* the client's own, while it has it */
};

void etcd_ask_init(struct etcd_ask *ask);
void etcd_ask_fini(struct etcd_ask *ask);
void etcd_client_ask(struct etcd_client *client, struct etcd_ask *ask);

/* Ends it at once: `done` is not called. What was sent may be done all the same. */
void etcd_client_forget(struct etcd_client *client, struct etcd_ask *ask);

/* --- streams that last --- */

/* A stream of calls of one method: when one ends before etcd_stream_close, it is begun again at whatever member is well, after
 * a delay if it ended in trouble. */
struct etcd_stream;

struct etcd_stream_events {
    void (*on_open)(void *ctx);                        /* a call has begun: say again what this stream is for */
    void (*on_message)(void *ctx, struct slice bytes); /* one message, whole */
    void (*on_lost)(void *ctx, enum store_status status, struct slice text); /* the call has ended; another follows */
};

/* NULL: out of memory. */
struct etcd_stream *etcd_stream_open(struct etcd_client *client, enum etcd_method_id method,
                                     const struct etcd_stream_events *events, void *ctx);

/* Sends a message, after on_open and before on_lost; it is packed at once. False: no memory, or no call is open. */
bool etcd_stream_send(struct etcd_stream *stream, const ProtobufCMessage *message);

/* What came makes no sense, or nothing comes: give the member up, and begin again elsewhere. on_lost follows. */
void etcd_stream_distrust(struct etcd_stream *stream, const char *why);

/* The token that the call began with is refused, in a message of the call: log in again, and begin again with a new token. The
 * member is not blamed, unless there is no user to log in. on_lost follows. */
void etcd_stream_renew(struct etcd_stream *stream, const char *why);

/* No event follows. NULL is allowed. */
void etcd_stream_close(struct etcd_stream *stream);

/* --- what is known of the cluster --- */

enum etcd_health {
    ETCD_HEALTH_UNTRIED,
    ETCD_HEALTH_GOOD,
    ETCD_HEALTH_FAILING, /* it will be tried again at next_try_ns */
};

enum { ETCD_MEMBER_TEXT_MAX = 256, ETCD_VERSION_MAX = 32 };

struct etcd_member {
    struct etcd_endpoint endpoint;
    char name[64]; /* as the cluster calls it; cut off; empty: not known */
    uint64_t id;   /* 0: not known */
    enum etcd_health health;
    bool in_use; /* requests go there */
    bool leader; /* as of the last answer of Status */
    bool learner;
    char version[ETCD_VERSION_MAX]; /* of etcd, as of the last answer of Status; empty: not known */
    int64_t db_bytes;
    int64_t revision;                   /* the highest it has spoken of */
    int64_t next_try_ns;                /* FAILING */
    uint64_t failures;                  /* in a row */
    char trouble[ETCD_MEMBER_TEXT_MAX]; /* what was wrong the last time; empty: nothing was */
};

/* The places are stable between two calls of the client's events; members that the cluster no longer has are gone. */
size_t etcd_client_member_count(const struct etcd_client *client);
void etcd_client_member(const struct etcd_client *client, size_t place, struct etcd_member *ret_member);

/* The cluster first met, 0: none yet. A member of another cluster is not used (trouble says so): what is cached or in doubt
 * here would mean nothing there. */
uint64_t etcd_client_cluster_id(const struct etcd_client *client);

/* The member in use is connected and has answered. */
bool etcd_client_is_ready(const struct etcd_client *client);

/* Why it is not, for people; empty if it is. Valid until the next call of anything. */
const char *etcd_client_trouble(const struct etcd_client *client);

/* The highest header.revision that any answer had. */
int64_t etcd_client_revision(const struct etcd_client *client);

/* Whether there is one to log in. */
bool etcd_client_has_user(const struct etcd_client *client);

/* Takes note of a revision that a stream's answer spoke of. */
void etcd_client_note_revision(struct etcd_client *client, int64_t revision);

/* Revisions have gone back (a backup was restored): the highest is the one that is heard of next. */
void etcd_client_forget_revision(struct etcd_client *client);

/* Counts a write whose outcome is unknown although its last attempt was answered: the one before may be why it was refused. */
void etcd_client_note_unknown(struct etcd_client *client);

/* Counted since the start; valid as long as the client. */
const struct etcd_figures *etcd_client_figures(const struct etcd_client *client);

/* A number that no lease has yet, most likely: above 0. */
int64_t etcd_client_draw_lease(struct etcd_client *client);

#endif
