/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_ORIGIN_INTERNAL_H
#define LARDER_GROUP_ORIGIN_INTERNAL_H

#include "base/clock.h"
#include "group/memory_internal.h"
#include "group/origin.h"
#include "origin/judge.h"

/* Between the files of origin groups. */

/* --- origin_value.c: head and body of an answer, as they lie in the table --- */

struct origin_value {
    struct blob blob;
    struct origin *origin;
    size_t room; /* bytes of data, charged to the node */
    size_t size;
    char data[];
};

/* NULL: no memory, or too much is in use. One reference, the caller's. */
struct origin_value *origin_value_new(struct origin *origin, size_t room);

/* Makes room for `size` more bytes; the only reference is the caller's. False: none, and *value is as it was. */
bool origin_value_grow(struct origin_value **value, size_t size);

static inline struct slice origin_value_bytes(const struct origin_value *value) {
    return slice_make(value->data, value->size);
}

/* Bytes that are held by somebody. NULL blob: none are. */
struct origin_held {
    struct blob *blob;
    struct slice value;
};

static inline void origin_held_drop(struct origin_held *held) {
    if (held->blob != NULL) {
        blob_unref(held->blob);
        held->blob = NULL;
    }
}

/* The value of a spot, whose shard is locked: by reference if it is large, else a copy. False: no memory. */
bool origin_hold_spot(struct origin *origin, const struct spot *spot, struct origin_held *ret_held);

/* Whether so many more bytes may be in use. */
bool origin_charge(struct origin *origin, size_t size);
void origin_discharge(struct origin *origin, size_t size);

/* --- origin_place.h: by what it was decided that this node acts --- */

/* In a cluster (group/memory.h, struct memory_gate); all zero: there is none. */
struct origin_place {
    const struct keeper *keeper;
    struct keeper_view *view; /* counted */
    uint32_t slot;
    bool pooled;           /* another member of the group's pool has the key, and is asked for it first */
    bool aside;            /* the key may be another node's, which cannot be asked: nothing is stored */
    enum origin_keep keep; /* aside: but this */
};

static inline struct origin_place origin_place_of(const struct memory_access *a, bool aside) {
    const struct memory_gate *gate = a->gate;
    struct origin_place place = {.aside = aside};

    if (gate != NULL) {
        place.keeper = gate->keeper;
        place.view = keeper_view_ref((struct keeper_view *)(uintptr_t)gate->view);
        place.slot = gate->slot;
    }
    return place;
}

static inline struct origin_place origin_place_ref(const struct origin_place *place) {
    struct origin_place copy = *place;

    copy.view = keeper_view_ref(place->view);
    return copy;
}

static inline void origin_place_drop(struct origin_place *place) {
    keeper_view_unref(place->view);
    place->view = NULL;
}

/* Whether what was asked by one will do for the other: not across a change of owners, or a purge. */
static inline bool origin_place_is(const struct origin_place *a, const struct origin_place *b) {
    return a->aside == b->aside && a->pooled == b->pooled &&
           (a->view != NULL ? a->view->serial : 0) == (b->view != NULL ? b->view->serial : 0);
}

/* --- origin_flight.c: one request to the origin --- */

struct origin_op;

/* What a flight is to know of its request. */
struct origin_plan {
    struct judge_decision decision;
    struct origin_held old; /* what is stored, if there is something that counts; the flight takes it over */
    uint32_t old_flags;     /* the client's, of the same */
    uint32_t old_expires;
    uint64_t ended;            /* origin_ended before it was looked at what is stored */
    bool may_look_again;       /* if a flight has ended since and none is there to be joined, origin_fly begins none */
    bool looks_again;          /* of origin_fly: so it was, and all is as before */
    struct trace_scope *scope; /* the request's; borrowed */
};

struct origin_flight {
    struct origin_flight *next; /* in its bucket */
    struct origin_op *first;    /* who waits, in the order of coming */
    struct origin_op *last;
    size_t waiters;
    struct origin_flight *round;  /* waits for this one to land; under the lock. NULL: none */
    struct origin_worker *worker; /* of one that waits for another: of whoever asked first */
    struct origin_place place;
    unsigned group;
    uint64_t hash;
    uint64_t number;    /* in the order of beginning; before that UINT64_MAX, so that no change makes it void */
    int64_t begun_ns;   /* monotonic */
    bool joinable;      /* under the lock */
    bool awaits;        /* likewise: what came is whole, and lands when there are no copies any more (origin_await.c) */
    atomic_bool voided; /* set under the lock */
    atomic_bool outdated; /* likewise: it is void, or what was stored when it began is not there any more */

    /* What it asks. */
    bool may_store;
    bool conditional;
    struct origin_held old_held;
    struct origin_entry old; /* valid if there is old_held.blob */
    uint32_t old_flags;
    uint32_t old_expires;
    int64_t asked_ms;

    /* For the one who asked first, as it comes (origin_stream.h); the worker's thread alone looks at it. */
    struct origin_op *streamer; /* NULL: he does not want that, or has left */
    bool streams;               /* he is told */
    bool passing;               /* he alone, and all has been done with the table */
    bool paused;                /* the origin is not read */
    bool broken;                /* what he was told is not whole */
    struct fetch *fetch;        /* under way */
    struct trace_scope *scope;  /* of who has asked for it first; NULL: nobody follows that */
    struct span *span;          /* of what is under way; NULL: none records */

    /* Of one that is `pooled` (origin_peer.c). */
    bool peer_asked;
    bool peer_good;                 /* it has answered with status 200, so far */
    bool peer_gave;                 /* the answer is its */
    struct origin_value *peer_body; /* what has come of it; NULL: nothing */

    /* What came. */
    char *head_text; /* that `answer` points into */
    struct origin_answer answer;
    bool has_head;
    bool outgrown;  /* the body is larger than is stored */
    bool overtaxed; /* there was no memory for it */
    uint64_t body_size;
    struct judge_outcome outcome; /* valid from the head on, and at the end */
    struct origin_value *value;   /* what those who wait get; grows with the body */
    size_t head_size;
    bool stored;
    size_t key_size;
    char key[REQUEST_KEY_MAX];
};

static inline struct slice origin_flight_key(const struct origin_flight *f) {
    return slice_make(f->key, f->key_size);
}

/* One that nobody waits for yet, and that has not begun; the caller's. The plan's old value stays its. NULL: no memory, or too much
 * is in use. */
struct origin_flight *origin_flight_new(struct origin_worker *w, const struct group_policy *policy,
                                        const struct origin_place *place, uint64_t hash, struct slice key,
                                        const struct origin_plan *plan);

/* What is stored is known to it, for its validators and for when the origin fails; the old value is taken over. */
void origin_flight_know(struct origin_flight *f, struct origin_plan *plan);

/* What became of it. */
enum origin_landing {
    ORIGIN_LANDED_VALUE, /* f->value is the answer */
    ORIGIN_LANDED_KEPT,  /* the old value, for those who may have it; else f->value */
    ORIGIN_LANDED_NONE,  /* there is none: `result` */
};

/* Tells all of a list of those who wait what became of it. Each may be gone as soon as he is told. */
void origin_flight_tell(const struct origin_flight *f, struct origin_op *op, enum origin_landing landing,
                        enum result result);

/* Tells all of a list that there is an answer, and that it is for another. */
void origin_flight_turn_away(struct origin_op *op);

/* Nobody waits for it, and it is in no table. */
void origin_flight_free(struct origin_flight *f);

/* --- origin_flights.c: those that are under way in a node, and who waits for them --- */

/* Joins a flight for the key that will do, or a round, or makes one. The op (NULL: nobody waits) belongs to it then. *ret_begun is
 * one that begins, for origin_load; NULL: it was joined. False: there are too many, or there is no memory; *ret_result says which. The plan's
 * old value is taken over in any case. */
bool origin_fly(struct origin_op *op, struct origin_worker *w, const struct group_policy *policy,
                const struct origin_place *place, uint64_t hash, struct slice key, struct origin_plan *plan,
                struct origin_flight **ret_begun, enum result *ret_result);

/* How many flights have ended. What they have stored is there for who looks after he has read that. */
uint64_t origin_ended(const struct origin *origin);

/* Flights for the key, or those of them that began before this number, are void; those that began after it are outdated. */
void origin_void_key(struct origin *origin, uint64_t hash, struct slice key, uint64_t before);

/* It asks once more, from now on: what was asked by others in between is older than what comes of that. */
void origin_fly_again(struct origin_flight *f);

/* What came is whole, and lands later. */
void origin_land_later(struct origin_flight *f);

/* The answer is for the streamer alone: nobody joins it any more, all others are told so, and the round begins. */
void origin_release(struct origin_flight *f);

/* Tells everybody who waits, and frees the flight. The round that waits for it begins; or, as NONE says that this node could not
 * do it, its waiters are told the same. On the thread of the flight's worker. */
void origin_land(struct origin_flight *f, enum origin_landing landing, enum result result);

/* --- origin_round.c --- */

/* What the flight has to know of what is stored. */
void origin_plan_old(struct origin *origin, const struct spot *spot, struct origin_plan *plan);

/* A round has begun, on the thread of its worker: looks at what is stored by now, and loads. */
void origin_round_load(struct origin_flight *f);

/* --- origin.c --- */

/* What a GET wants. */
struct judge_wish origin_wish_of(const struct origin_access *a, const struct request *request);

/* --- origin_op.c: one request that waits --- */

struct origin_op {
    struct pending pending; /* first */
    struct origin_worker *worker;
    struct origin_place place;
    size_t value_max; /* bytes of a value that can be told to whoever asks; 0: any */
    unsigned group;
    uint64_t hash;
    struct judge_wish wish;
    bool first; /* it asked; the others wait for what was asked by it */
    bool alone; /* it waits for nobody else, and nobody for it */
    size_t charged;
    struct origin_op *next; /* in its flight */

    /* While it is told what comes. */
    enum request_stream takes;
    struct answer_stream stream;
    struct origin_flight *flight; /* it is its streamer; else NULL */
    size_t taken;                 /* of the flight's body, as far as that is there */
    bool posted;                  /* to be told something, or that it has landed */

    /* What a flight has told. */
    bool landed;
    enum origin_landing landing;
    enum result result;
    bool shared; /* the answer is for everybody */
    bool stored;
    bool broken; /* the value is not what it was told of */
    unsigned status;
    struct origin_held value;
    struct origin_held old;

    size_t key_size;
    char key[];
};

static inline struct slice origin_op_key(const struct origin_op *op) {
    return slice_make(op->key, op->key_size);
}

/* Asks the origin, or waits for one who does. The place is taken over. The plan's old value is taken over. The reply is complete or RESULT_PENDING. */
void origin_ask(const struct origin_access *a, const struct request *request, const struct judge_wish *wish,
                struct origin_place place, struct origin_plan *plan, struct reply *reply);

/* The reply is what `value` says, which is a value of an entry and lives as long as the reply. */
void origin_show(struct reply *reply, const struct origin_entry *entry, struct origin_held held, int64_t now_ms);

/* --- origin_trace.c --- */

enum {
    ORIGIN_TRACE_FIELDS = 2,
    ORIGIN_TRACE_ROOM = 56, /* bytes of a traceparent, its NUL included */
};

/* The flight asks this URL now: begins the span of that, and appends the fields that tell whom it asks of it. Their texts lie in
 * `place` and in the flight's scope. */
void origin_trace_begin(struct origin_flight *f, struct slice url, struct fetch_field fields[ORIGIN_TRACE_FIELDS],
                        size_t *ret_count, char place[ORIGIN_TRACE_ROOM]);

/* The slow half; status 0: there is none. */
void origin_trace_finish(struct origin_flight *f, enum larder_error error, unsigned status);

/* What was asked for has come, or will not. */
static inline void origin_trace_end(struct origin_flight *f, enum larder_error error, unsigned status) {
    if (__builtin_expect(f->span != NULL, 0)) {
        origin_trace_finish(f, error, status);
    }
}

/* --- origin_load.c --- */

/* Asks the origin for it; it lands in any case. */
void origin_load(struct origin_flight *f);

/* --- origin_peer.c --- */

/* Whether a read that the table has no answer for is for another member of the group's pool of groupcache: one that has the
 * key, unless it is a member that asks, or the read wants it newer than the pool may have it. */
bool origin_is_pooled(const struct origin_access *a, const struct request *request, const struct judge_wish *wish);

/* Asks the member that has the flight's key, if that is to be and has not been done. Then the flight lands with what it
 * says, or goes on to the origin. False: nothing was begun, and it goes on now. */
bool origin_ask_peer(struct origin_flight *f);

/* Counts what came of the origin, in a group with a pool: the flight is about to land. */
void origin_count_local(const struct origin_flight *f, enum origin_landing landing);

/* Counts a read of a group with a pool; of others, nothing. */
void origin_count_pool(const struct origin_access *a, enum pool_counter counter);

/* --- origin_await.c --- */

/* It has come to its end, and others may have copies of its key: it lands when they have not. */
void origin_await_copies(struct origin_flight *f);

/* --- origin_aside.c --- */

/* Of a flight that was asked for aside: keeps what is to be kept. */
void origin_keep_aside(struct origin_flight *f);

/* Whether there may be something for origin_adopt. Under any lock. */
bool origin_may_adopt(const struct origin_access *a);

/* The owner has nothing for the key: puts in what was asked for aside before he was the owner, if that may be. Nothing is locked. */
void origin_adopt(const struct origin_access *a, struct slice key, uint64_t hash);

/* --- origin_publish.c --- */

/* The table, as the flight may use it; *gate must live as long. */
struct memory_access origin_flight_access(const struct origin_flight *f, struct memory_gate *gate);

/* Does with the table what f->outcome says. False: nothing was done, `change` waits (group/memory.h, struct memory_gate); NULL: it
 * cannot. */
bool origin_publish(struct origin_flight *f, struct hot_change *change, struct hot_revocations *ret_revocations);

/* Whether its answer may be told before it is published: not while other nodes may have copies of what is there, or get some. */
bool origin_may_tell(const struct origin_flight *f);

/* What is stale is to be refreshed still (ENTRY_WIN_SENT says that somebody is at it). */
void origin_unmark(struct table *table, uint64_t hash, struct slice key, uint32_t now);

/* Writes a value, in place of what the key has, unless `voided` (NULL: never) is true when it comes to it, or the gate
 * is closed, or copies are out there. Removes what is there if there is no room. */
enum larder_error origin_put(const struct memory_access *a, struct slice key, uint64_t hash, struct slice value,
                             uint32_t expires, uint32_t client_flags, const atomic_bool *voided);

/* --- times --- */

static inline int64_t origin_now_ms(const struct origin *origin) {
    return origin->wall_ns() / CLOCK_NS_PER_MS;
}

/* The table second at which something is not needed any more that is for so long from now, which is some moment in its second. */
static inline uint32_t origin_expiry(uint32_t now, int64_t keep_ms) {
    int64_t seconds = (keep_ms + 999) / 1000 + 1;

    return seconds < (int64_t)(UINT32_MAX - now) ? now + (uint32_t)seconds : ENTRY_NEVER;
}

#endif
