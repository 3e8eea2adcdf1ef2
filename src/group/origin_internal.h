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
    bool aside; /* the key may be another node's, which cannot be asked: nothing is stored */
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
    return a->aside == b->aside && (a->view != NULL ? a->view->serial : 0) == (b->view != NULL ? b->view->serial : 0);
}

/* --- origin_flight.c --- */

struct origin_op;

/* What a flight is to know of its request. */
struct origin_plan {
    struct judge_decision decision;
    struct origin_held old; /* what is stored, if there is something that counts; the flight takes it over */
    uint32_t old_flags;     /* the client's, of the same */
    uint32_t old_expires;
};

struct origin_flight {
    struct origin_flight *next; /* in its bucket */
    struct origin_op *first;    /* who waits, in the order of coming */
    struct origin_op *last;
    size_t waiters;
    struct origin_worker *worker;
    struct origin_place place;
    unsigned group;
    uint64_t hash;
    uint64_t number;    /* in the order of beginning */
    int64_t begun_ns;   /* monotonic */
    bool joinable;      /* under the lock */
    atomic_bool voided; /* set under the lock */

    /* What it asks. */
    bool may_store;
    bool conditional;
    struct origin_held old_held;
    struct origin_entry old; /* valid if there is old_held.blob */
    uint32_t old_flags;
    uint32_t old_expires;
    int64_t asked_ms;

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

/* Joins a flight for the key that will do, or makes one. The op (NULL: nobody waits) belongs to it then. *ret_begun is the new
 * one, for origin_load; NULL: it was joined. False: there are too many, or there is no memory; *ret_result says which. The plan's
 * old value is taken over in any case. */
bool origin_fly(struct origin_op *op, struct origin_worker *w, const struct group_policy *policy,
                const struct origin_place *place, uint64_t hash, struct slice key, struct origin_plan *plan,
                struct origin_flight **ret_begun, enum result *ret_result);

/* Flights for the key, or those of them that began before this number, are void. */
void origin_void_key(struct origin *origin, uint64_t hash, struct slice key, uint64_t before);

/* What became of it. */
enum origin_landing {
    ORIGIN_LANDED_VALUE, /* f->value is the answer */
    ORIGIN_LANDED_KEPT,  /* the old value, for those who may have it; else f->value */
    ORIGIN_LANDED_NONE,  /* there is none: `result` */
};

/* Tells everybody who waits, and frees the flight. */
void origin_land(struct origin_flight *f, enum origin_landing landing, enum result result);

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

    /* What a flight has told. */
    enum origin_landing landing;
    enum result result;
    bool shared; /* the answer is for everybody */
    bool stored;
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

/* --- origin_load.c --- */

/* Asks the origin for it; it lands in any case. */
void origin_load(struct origin_flight *f);

/* --- origin_publish.c --- */

/* Does with the table what f->outcome says. */
void origin_publish(struct origin_flight *f);

/* What is stale is to be refreshed still (ENTRY_WIN_SENT says that somebody is at it). */
void origin_unmark(struct table *table, uint64_t hash, struct slice key, uint32_t now);

/* Writes a value, in place of what the key has, unless `voided` (NULL: never) is true when it comes to it, or the gate is closed. Removes what is
 * there if there is no room. */
enum larder_error origin_put(const struct memory_access *a, struct slice key, uint64_t hash, struct slice value,
                             uint32_t expires, uint32_t client_flags, const atomic_bool *voided);

/* --- times --- */

static inline int64_t origin_now_ms(const struct origin *origin) {
    return origin->wall_ns() / CLOCK_NS_PER_MS;
}

/* The table second at which something is not needed any more that is for so long from now. */
static inline uint32_t origin_expiry(uint32_t now, int64_t keep_ms) {
    int64_t seconds = (keep_ms + 999) / 1000;

    return seconds < (int64_t)(UINT32_MAX - now) ? now + (uint32_t)seconds : ENTRY_NEVER;
}

#endif
