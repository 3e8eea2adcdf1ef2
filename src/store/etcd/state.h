/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_STATE_H
#define LARDER_STORE_ETCD_STATE_H

#include "base/random.h"
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/client.h"
#include "store/etcd/due.h"
#include "store/etcd/link.h"
#include "store/etcd/outcome.h"

/* What the parts of the client know of each other.
 *
 * Whoever enters (the world, the owner) does so by etcd_client_enter and etcd_client_leave. In between, events take notes;
 * etcd_client_leave then acts on them (settle, in client.c): it tells of what has ended, chooses a member, begins what waits,
 * and sends each connection's bytes once. */

enum {
    ETCD_UNPROVEN_IN_FLIGHT = 16, /* requests sent to a member that has not answered any since the last trouble */
    ETCD_TROUBLE_MAX = 4096,
    ETCD_LOGINS_MAX = 3, /* for one request: more refusals of new tokens mean that it is refused itself */
};

/* A member has several ways to fail; they differ in how soon it is tried again. */
enum etcd_failure {
    ETCD_FAILURE_CONNECTION, /* later each time */
    ETCD_FAILURE_SILENCE,    /* it did not answer; it must prove itself before it counts as well */
    ETCD_FAILURE_LEADERLESS, /* an election lasts a second or two: soon */
    ETCD_FAILURE_FOREIGN,    /* not etcd, or another cluster: as late as may be */
};

struct etcd_ask_queue {
    struct etcd_ask_state *first;
    struct etcd_ask_state *last;
};

struct etcd_member_state {
    struct etcd_member seen; /* what etcd_client_member tells; in_use is not kept here */
    char text[ETCD_ENDPOINT_TEXT_MAX];
    bool is_suspect; /* FAILING by what it said or did not say: a connection alone proves nothing */
    int64_t failed_ns;
    int64_t proof_ns;                            /* when the newest request that it has answered was sent */
    struct etcd_link *links[ETCD_PURPOSES];      /* NULL: none */
    struct etcd_link *successors[ETCD_PURPOSES]; /* what will replace it */
    struct etcd_ask_queue waiting;               /* requests to this member and no other */
};

enum etcd_ask_stage {
    ETCD_ASK_WAITING, /* in a queue */
    ETCD_ASK_SENT,
    ETCD_ASK_RESTING, /* until it is sent again */
    ETCD_ASK_FINISHED /* in client->finished */
};

struct etcd_ask_state {
    struct etcd_call call; /* first */
    struct etcd_due due;
    struct etcd_client *client;
    struct etcd_ask *ask;
    struct etcd_member_state *member; /* which alone may be asked; NULL: any */
    struct etcd_ask_queue *queue;     /* it is in; NULL: none */
    struct etcd_ask_state *next;
    struct etcd_ask_state *previous;
    uint64_t number; /* in the order they came */
    enum etcd_ask_stage stage;
    bool needs_token;
    bool has_token;   /* one was sent along */
    bool is_nameless; /* says that no certificate stands for the caller */
    bool has_leader;  /* says "hasleader" */
    bool is_proof;    /* its answer shows that the member has a leader */
    bool in_doubt;    /* an attempt may have done it */
    bool is_late;     /* attempt_timeout has passed over the attempt */
    bool is_orphan;   /* the member it was meant for is gone */
    bool is_bad;      /* its answer cannot be read */
    unsigned rests;
    unsigned patience; /* how often attempt_timeout is doubled */
    unsigned logins;
    uint64_t token; /* number of the token that was sent along */
    int64_t begun_ns;
    int64_t sent_ns;
    struct etcd_outcome last; /* of the last attempt */
};

enum etcd_login_phase {
    ETCD_LOGIN_NEEDLESS, /* no user, or a cluster that needs none */
    ETCD_LOGIN_WANTED,
    ETCD_LOGIN_ASKING,
    ETCD_LOGIN_GOOD,
    ETCD_LOGIN_REFUSED, /* until next_ns */
};

struct etcd_login {
    enum etcd_login_phase phase;
    char *user; /* NUL-terminated; NULL: none */
    char *password;
    struct buf token;
    uint64_t number; /* of the token */
    int64_t since_ns;
    int64_t next_ns;
    unsigned refusals;
    struct etcd_ask ask;
    Etcdserverpb__AuthenticateRequest request;
    char trouble[ETCD_MEMBER_TEXT_MAX];
};

struct etcd_client {
    struct etcd_client_config config; /* endpoints, user and password are elsewhere */
    struct etcd_endpoint *configured;
    const struct etcd_io *io;
    void *ctx;
    struct random random;
    int64_t now_ns; /* as of the last etcd_client_enter */
    int64_t armed_ns;
    unsigned inside;
    bool is_started;
    bool is_closing;
    bool is_unsettled; /* something has happened that settle shall look at again */
    bool must_tend;    /* members and connections want a look */

    struct etcd_member_state *members[ETCD_MEMBERS_MAX];
    size_t member_count;
    struct etcd_member_state *current;
    bool is_proven; /* the current one has answered what was asked since the last trouble, at unproven_ns */
    int64_t unproven_ns;
    uint64_t term;     /* the highest that a member has spoken of */
    int64_t closed_ns; /* when it was last seen that the cluster asks who one is; INT64_MIN: never */
    struct etcd_link *links;
    struct etcd_link *dirty;
    bool has_dead;     /* links */
    int64_t dialed_ns; /* when the last connection was begun for want of a member; 0: never */
    int64_t retry_ns;  /* when the next of failing members is tried, whatever its own time; 0: not chosen yet */
    int64_t refresh_due_ns;
    int64_t refreshed_ns;
    uint64_t cluster_id;
    int64_t revision;
    int64_t trouble_ns;                   /* since when requests cannot be sent; 0: they can */
    const struct etcd_member_state *lost; /* the member whose failure began it; only to compare */

    struct etcd_due_heap due; /* of asks that are not finished */
    struct etcd_ask_queue waiting;
    struct etcd_ask_queue finished;
    size_t pinned_waiting;
    struct etcd_ask *refused; /* asks without a state, by their member `state` */
    struct etcd_ask_state *spare;
    size_t spare_count;
    uint64_t next_number;

    struct etcd_stream *streams;
    struct etcd_login login;
    struct etcd_figures figures;
    char *trouble; /* ETCD_TROUBLE_MAX */
};

/* --- client.c --- */

/* Around everything that comes from outside. `may_tell`: owners may be called. */
void etcd_client_enter(struct etcd_client *client);
void etcd_client_leave(struct etcd_client *client, bool may_tell);

/* etcd_client_run is wanted at that time at the latest. */
void etcd_client_wake_by(struct etcd_client *client, int64_t at_ns);

/* Half to one and a half of it. */
int64_t etcd_client_jitter(struct etcd_client *client, int64_t ns);

/* `first` doubled `count` times, at most `most`, with jitter. */
int64_t etcd_client_backoff(struct etcd_client *client, int64_t first, int64_t most, uint64_t count);

/* --- member.c --- */

/* NULL: no memory, or there are too many. */
struct etcd_member_state *etcd_member_add(struct etcd_client *client, const struct etcd_endpoint *endpoint);

/* Its connections go when their calls have ended, requests to it alone end. */
void etcd_member_remove(struct etcd_client *client, size_t place);

void etcd_member_fail(struct etcd_client *client, struct etcd_member_state *member, enum etcd_failure failure,
                      struct slice why);

/* What it says of itself, cut off at `room` bytes with its NUL. Control characters become question marks. NULL is empty. */
void etcd_member_copy_text(char *ret_text, size_t room, const char *text);

/* Before etcd_member_fail: what is wrong has been so for a while. */
void etcd_member_fails_since(struct etcd_client *client, const struct etcd_member_state *member, int64_t since_ns);

/* It answered a request that was sent at `sent_ns` and that needs a leader. */
void etcd_member_prove(struct etcd_client *client, struct etcd_member_state *member, int64_t sent_ns);

/* Its connection is there and checked. */
void etcd_member_ready(struct etcd_client *client, struct etcd_link *link);

/* The connection is lost; it is dead already. */
void etcd_member_lost(struct etcd_client *client, struct etcd_link *link, struct slice why);

/* What the member in use has answered so far counts no more. */
void etcd_client_unprove(struct etcd_client *client);

bool etcd_member_is_usable(const struct etcd_member_state *member);

/* --- choice.c --- */

/* Chooses the member in use and opens the connections that are wanted. */
void etcd_choice_tend(struct etcd_client *client);

/* When to call it again. */
int64_t etcd_choice_due(const struct etcd_client *client);

/* --- question.c --- */

void etcd_question_ask(struct etcd_link *link, enum etcd_question_kind kind, int64_t timeout_ns);

/* A question's time is over. */
void etcd_question_expire(struct etcd_link *link, enum etcd_question_kind kind);

/* The answer that came on it is another cluster's. */
void etcd_answer_is_foreign(struct etcd_link *link);

/* Looks at an answer's header, if the message has one: false, if another cluster gave it. Takes note of its revision. */
bool etcd_answer_is_ours(struct etcd_client *client, struct etcd_member_state *member, const ProtobufCMessage *message);

/* --- facts.c --- */

/* What an answer's header says. */
void etcd_facts_note(struct etcd_client *client, const Etcdserverpb__ResponseHeader *header);

/* What the end of an attempt says of whether users are asked who they are. */
void etcd_facts_judge(const struct etcd_ask_state *state, struct etcd_outcome outcome);
void etcd_facts_judge_probe(const struct etcd_question *question, struct etcd_client *client,
                            struct etcd_outcome outcome);

/* --- refresh.c --- */

/* Asks for members and their state, if it is time. */
void etcd_refresh_tend(struct etcd_client *client);

/* Soon: something has changed. */
void etcd_refresh_hurry(struct etcd_client *client);

/* The cluster's list of members. */
void etcd_refresh_members(struct etcd_client *client, const ProtobufCMessage *response);

/* --- ask.c, attempt.c, verdict.c, overdue.c --- */

extern const struct etcd_call_ops etcd_ask_call_ops;

/* Begins what waits, as much as the member in use takes. */
void etcd_asks_begin(struct etcd_client *client);

/* Ends and repeats what time has made due. */
void etcd_asks_expire(struct etcd_client *client);

/* Calls `done` of what has ended. */
void etcd_asks_tell(struct etcd_client *client);

/* Ends all that wait for a token. */
void etcd_asks_deny(struct etcd_client *client, struct slice why);

/* The member is gone: ends those that wait for it and no other. */
void etcd_asks_leave(struct etcd_client *client, struct etcd_member_state *member);

/* Ends an ask with a status; `done` comes later. */
void etcd_ask_finish(struct etcd_ask_state *state, enum store_status status);

/* Puts it into the queue it waits in, by its number. */
void etcd_ask_enqueue(struct etcd_ask_state *state);

/* Takes note of what became of the last attempt. */
void etcd_ask_note(struct etcd_ask_state *state, struct etcd_outcome outcome, struct slice text);

void etcd_ask_dequeue(struct etcd_ask_state *state);

/* When it is looked at again: over the deadline, or when the member has had its time. */
void etcd_ask_set_due(struct etcd_ask_state *state);

/* Whether a member may pass it on to a leader who is dead: a change is then lost, of which etcd speaks after 7 s alone. A read
 * is told of as soon as there is a new leader. */
bool etcd_ask_may_be_lost(const struct etcd_ask_state *state);

/* Back to those that wait, or to rest first if the member that refused it is to be asked again. */
void etcd_ask_repeat(struct etcd_ask_state *state, bool at_once);

/* The deadline. Of what may have been done, nobody can say more. */
void etcd_ask_end_overdue(struct etcd_ask_state *state);

/* Its member is gone, and no other may be asked. */
void etcd_ask_end_orphan(struct etcd_ask_state *state);

void etcd_asks_fini(struct etcd_client *client);

/* --- login.c --- */

/* False: no memory. */
bool etcd_login_init(struct etcd_client *client, struct slice user, struct slice password);
void etcd_login_fini(struct etcd_client *client);

/* Whether requests may go out, with etcd_login_token. */
static inline bool etcd_login_is_ready(const struct etcd_client *client) {
    return client->login.phase == ETCD_LOGIN_GOOD || client->login.phase == ETCD_LOGIN_NEEDLESS;
}

static inline struct slice etcd_login_token(const struct etcd_client *client) {
    return client->login.phase == ETCD_LOGIN_GOOD ? buf_slice(&client->login.token) : slice_make(NULL, 0);
}

/* The token of that number is no longer good. False: there is no user to log in, or no hope. */
bool etcd_login_renew(struct etcd_client *client, uint64_t number);

/* Logs in if that is wanted and it is time. */
void etcd_login_tend(struct etcd_client *client);
int64_t etcd_login_due(const struct etcd_client *client);

/* --- stream.c --- */

/* Begins the streams that are not open, and tells of those that are lost. */
void etcd_streams_tend(struct etcd_client *client);

int64_t etcd_streams_due(const struct etcd_client *client);

/* Whether one waits for a connection. */
bool etcd_streams_wait(const struct etcd_client *client);

/* Those on that connection are to be begun again elsewhere. */
void etcd_streams_leave(struct etcd_client *client, const struct etcd_link *link);

void etcd_streams_fini(struct etcd_client *client);

#endif
