/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_SESSION_H
#define LARDER_SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outbox.h"
#include "base/random.h"
#include "cmd/context.h"
#include "group/audit.h"
#include "group/memory.h"
#include "proto/http/date.h"
#include "rpc/rpc.h"

/* A connection without I/O: bytes in, ordered replies out. Whoever has the socket does this, over and over:
 *
 *     session_read_place    where the next bytes should go; read them there
 *     session_feed          hand them over; replies appear in session->out
 *     session_pieces/_sent  write the replies as far as the socket takes them
 *     session_resume        after more room was made: continue with input that had to wait
 *
 * and closes the socket when session_is_over. An idle session holds no buffers: input is processed where it was read,
 * and the outbox is lent by the worker while there is something in it.
 *
 * Some replies come later, from a thread of the store. They come in at the worker's queue, whose `wake` tells whoever
 * has the loop to call session_worker_complete on the worker's thread. That puts the replies into their sessions' ordered
 * slots (slots.h) and then calls `on_ready` for each session that has something to write or can go on: write, and resume
 * while it is stalled. session_fini leaves nothing behind that would touch the session: what it waited for is still done,
 * and then forgotten. */

struct session;

typedef void session_ready_fn(struct session *s);

/* What all sessions of one worker share; one thread uses it. */
struct session_worker {
    struct cmd_context context; /* its `now` and `now_ns` are set before each feed, resume and complete */
    size_t max_line;            /* bytes of a command line, keys to get included */
    size_t max_output;          /* bytes of replies that may wait; beyond that requests wait */
    char *scratch;              /* where sockets are read to, SESSION_SCRATCH_SIZE bytes */
    struct outbox *spare;       /* outboxes to lend */
    unsigned spares;
    char tag_text[24];
    struct slice
        tag_suffix;     /* of entity tags in memory groups: without a cluster cas numbers begin anew with the process */
    struct slice hosts; /* what HTTP requests may call this node; see proto/http/host.h */
    char good_host[64]; /* one that was found to be good */
    uint8_t good_host_size;
    struct http_date date;
    uint32_t date_now;                /* the table second that `date` was written in */
    struct http_watch *watches;       /* all that are open */
    size_t chunked;                   /* bytes of bodies without a length that are on their way */
    struct pending_queue completions; /* set its `wake` and `ctx` where replies may come later */
    session_ready_fn *on_ready;       /* NULL: nobody is told */
    struct slots *ready;              /* sessions that on_ready is still to be called for */
    struct slot *spare_slots;         /* at rest, to be used again */
    unsigned spare_slot_count;
    bool patrols; /* it is the one worker that compares copies with the store in the background */
    struct audit_patrol patrol;
    struct rpc_worker rpc;        /* etcd's API */
    struct grpc_rpc *spare_calls; /* at rest, to be used again */
    unsigned spare_call_count;
    struct random dice; /* by which it is drawn what is traced */
};

enum {
    SESSION_SCRATCH_SIZE = 64 << 10,
    SESSION_REFERENCE_FROM = 8 << 10, /* values from this size on are sent from where they lie */
    SESSION_REPLY_MAX = 64 << 20,     /* copied bytes of the one reply that may exceed max_output */
    SESSION_INPUT_EXTRA = 256 << 10,  /* input that may wait beside a line: a small value, a scratch buffer */
};

enum session_protocol { SESSION_UNDECIDED, SESSION_MEMCACHED, SESSION_HTTP, SESSION_GRPC };

struct session {
    struct session_worker *worker;
    struct outbox *out;           /* NULL: nothing waits to be sent */
    struct buf input;             /* what could not be processed yet */
    size_t wanted;                /* no use in looking at the input before it has so many bytes */
    size_t swallow;               /* bytes of a refused value still to be dropped */
    struct body *body;            /* a large value on its way in; NULL: none */
    struct http_watch *watch;     /* a watch that is streamed to an HTTP client; NULL: none */
    struct gateway_call *gateway; /* a call of etcd's API by JSON that is open; NULL: none */
    struct http_upload *upload;   /* the body of an HTTP request on its way in; NULL: none */
    struct unfinished_get *get;   /* keys of a get that are still to be run; NULL: none */
    uint64_t gets;                /* how many there were, to tell them apart */
    uint64_t broken_get;          /* the one whose answer an error has ended before all its replies had come */
    size_t read_cost;             /* bytes that the replies of the last reads had, about */
    struct slots *slots;          /* replies still to come; NULL: none */
    struct session_who *who;      /* who speaks; NULL: nobody, as far as is known */
    struct session_peer *peer;    /* another node that greets, or has greeted; NULL: it is a client */
    struct span *span;            /* of the request that is worked on; NULL: none records (tracing.h) */
    struct trace_scope *scope;    /* what is done for that is done within this; NULL: nobody follows it */
    struct grpc_session *grpc;    /* what a connection with gRPC has; NULL: it speaks something else */
    enum session_protocol protocol;
    bool stalled;    /* input waits for room in the outbox */
    bool waiting;    /* input waits until replies have come: there is no use in session_resume before on_ready */
    bool processing; /* its input is being worked on: what it answers now is seen to */
    bool over;       /* no more input is taken; close once everything is sent */
    bool failed;     /* a reply could not be written whole: nothing more is sent; implies over */
};

/* False: out of memory. The worker outlives its sessions. */
bool session_worker_init(struct session_worker *w, const struct cmd_context *context, struct rpc_node *rpc,
                         size_t max_line, size_t max_output);

/* All its sessions have ended. Runs what is still in the queue; no more may come. */
void session_worker_fini(struct session_worker *w);

/* Takes in the replies that have come, on the worker's thread. In a cluster also when there is a new view of it. */
void session_worker_complete(struct session_worker *w);

/* Calls on_ready for each session that has something to write or can go on, on the worker's thread: before it rests, since some
 * replies come outside of the queue. */
void session_worker_run_ready(struct session_worker *w);

/* Once a second or so, on the worker's thread: watches that were silent for long say that they live. It leaves the queue of
 * late replies alone, which is run when its `wake` says so and not before. */
void session_worker_tick(struct session_worker *w);

/* Ends all watches and whatever else would never end by itself. Before the store is closed. */
void session_worker_end_watches(struct session_worker *w);

/* The node is about to end: lets calls that would never end by themselves end now, as far as their client is told so. */
void session_worker_drain(struct session_worker *w);

/* When the deadline of a call, or of a request of a shared group, passes, monotonic; INT64_MAX: none. session_worker_expire is to be called then. */
int64_t session_worker_deadline(const struct session_worker *w);
void session_worker_expire(struct session_worker *w);

void session_init(struct session *s, struct session_worker *worker);

/* Frees everything, also in the middle of a request. */
void session_fini(struct session *s);

/* Where the next bytes from the socket should be put: the worker's scratch, or the place of a large value. At least one
 * byte; good until the next call for any session of the worker. */
void session_read_place(struct session *s, char **ret_data, size_t *ret_size);

/* Processes `size` bytes that were read to session_read_place. */
void session_feed(struct session *s, size_t size);

/* Continues with input that waited for room. */
void session_resume(struct session *s);

/* Whether more input should be read now: not while replies pile up or must first come, nor when it is over. */
static inline bool session_wants_input(const struct session *s) {
    return !s->stalled && !s->waiting && !s->over;
}

/* Whether it has something under way that may be silent for ever. */
bool session_is_watching(const struct session *s);

/* Whether another node of the cluster speaks, which may be silent for as long as it likes. */
bool session_is_peer(const struct session *s);

/* Calls of etcd's API that are open. */
size_t session_calls(const struct session *s);

/* No new requests are taken where the protocol can say so. Of a session whose owner hears on_ready. */
void session_drain(struct session *s);

/* Whether a value, or a body, is on its way for which room was made already. */
static inline bool session_takes_body(const struct session *s) {
    return s->body != NULL || s->upload != NULL;
}
/* Whether replies are still to come. */
bool session_is_waiting(const struct session *s);

static inline bool session_has_output(const struct session *s) {
    return s->out != NULL;
}

/* The next unsent bytes; only while session_has_output. */
int session_pieces(const struct session *s, struct iovec *pieces, int max);

/* Notes that so many bytes were sent; takes the empty outbox back. */
void session_sent(struct session *s, size_t size);

/* Whether all is said and the socket can be closed. */
static inline bool session_is_over(const struct session *s) {
    return s->over && s->out == NULL && !session_is_waiting(s);
}

#endif
