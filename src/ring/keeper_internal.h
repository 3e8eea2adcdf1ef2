/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_KEEPER_INTERNAL_H
#define LARDER_RING_KEEPER_INTERNAL_H

#include <pthread.h>

#include "model/request.h"
#include "ring/keeper.h"

/* What `previous` says of a slot that is doubtful: nobody has its keys, but somebody may still act for it. */
enum { KEEPER_SOMEBODY = RING_NOBODY - 1 };

_Static_assert((int)RING_NODES_MAX < (int)KEEPER_SOMEBODY, "an index is never KEEPER_SOMEBODY");

/* What is found out about another member while a plan is the newest. */
struct keeper_finding {
    atomic_bool passed_over; /* it is not asked any more, and what it gives is not taken (rule 4) */
    atomic_bool follows;     /* it acts by no older view */
};

/* Purges by a prefix that no sweep has followed yet. Immutable, but for the finding. */
struct keeper_prefix {
    uint64_t serial; /* of the plan that the purge made: entries of before do not count */
    unsigned group;
    size_t size;
    char bytes[REQUEST_KEY_MAX];
};

struct keeper_prefixes {
    atomic_bool swept; /* a sweep has followed all of them */
    size_t count;
    struct keeper_prefix list[];
};

/* What follows from a membership and from what came before it. Counted, as the views share it that differ in nothing but the
 * revision. All but the findings is immutable. A finding that lets somebody act is made under the keeper's lock, so that the
 * next plan is made either of it or of nobody's having acted by it. */
struct keeper_plan {
    atomic_uint refs;
    uint64_t serial;
    uint16_t self;
    uint16_t namesake; /* a member that has our id and is not us */
    int64_t incarnation;
    uint64_t
        parted; /* the serial of the newest plan that was not there before some change that may have been missed, or before a
                           purge by a prefix (keeper_adopts) */
    int64_t settles_ns; /* from then on nobody acts by an older view */
    int64_t handoff_until_ns;
    atomic_bool settled; /* the same, found out */
    atomic_bool closed;  /* nobody is asked any more */
    size_t count;        /* of members */
    struct keeper_finding *findings;
    uint16_t *owners;
    uint16_t *previous; /* of each slot, if it is ours: who is asked; RING_NOBODY: nobody, and nobody acts for it.
                           If it is not: what it was when we lost it */
    uint8_t *since;     /* of each slot: the era from which on its entries count */
    uint8_t purged[KEEPER_GROUPS];
    struct keeper_prefixes *prefixes; /* NULL: none; the plan's own */
};

struct keeper {
    struct keeper_config config;
    char *id;
    pthread_mutex_t lock; /* of `newest`, and of findings that let somebody act */
    struct keeper_view *_Atomic newest;
    _Atomic uint64_t serial; /* of the newest view; it is the era as well, without its end; 0: there is no view */
    _Atomic int64_t authority_ns;

    /* The control thread's. */
    struct ring *ring;  /* of the newest view; NULL: none yet */
    uint64_t swept;     /* no entry is of an era before it */
    int64_t purges;     /* the newest number */
    int64_t renewed_ns; /* the authority that was given last */
    int64_t proven_ns;
    bool is_broken; /* a view could not be made */
};

/* --- keeper_plan.c --- */

/* A plan whose slots are not filled in; one reference. NULL: out of memory. */
struct keeper_plan *keeper_plan_new(size_t count);
struct keeper_plan *keeper_plan_ref(struct keeper_plan *plan);
void keeper_plan_unref(struct keeper_plan *plan);

/* Which members of the next membership those of the last one are; in `ret_places` RING_NOBODY: it is gone. */
void keeper_match(const struct membership *last, const struct membership *next, uint16_t *ret_places);

/* --- keeper_prefix.c --- */

/* The plan has those purges of the last one (NULL: there is none) that no sweep has followed. False: out of memory. */
bool keeper_carry_prefixes(struct keeper_plan *plan, const struct keeper_plan *last, uint64_t swept);

/* And this one, of the plan itself. False: there is no room, and the group is to be purged as a whole, or no memory
 * (*ret_error). */
bool keeper_add_prefix(struct keeper_plan *plan, unsigned group, struct slice prefix, enum larder_error *ret_error);

/* A sweep has been whole. */
void keeper_sweep_prefixes(struct keeper *keeper);

/* --- keeper_succession.c --- */

/* What a plan is made of. */
struct keeper_change {
    const struct keeper_plan *last; /* NULL: none */
    const uint16_t *places;         /* of the members of `last`, in the next one */
    bool is_void;                   /* what was ours may have been somebody else's in between */
    bool is_alone;                  /* there is no other node */
    uint64_t oldest;                /* no entry is of an era before it */
};

/* Fills in previous, since and purged; owners, self and serial are there. */
void keeper_succeed(struct keeper_plan *plan, const struct keeper_change *change);

/* The era with its end, as a number that fits an entry. */
static inline uint8_t keeper_era(uint64_t serial) {
    return (uint8_t)(serial % KEEPER_ERAS);
}

/* How many eras before `serial` it was, at most KEEPER_ERAS - 1. */
static inline unsigned keeper_age(uint64_t serial, uint8_t era) {
    return (unsigned)(serial - era) % KEEPER_ERAS;
}

/* --- keeper_find.c --- */

/* Whether nobody acts by an older view; whether nobody is asked any more. Both are findings. */
bool keeper_is_settled(struct keeper *keeper, struct keeper_plan *plan, int64_t now_ns);
bool keeper_is_closed(struct keeper *keeper, struct keeper_plan *plan, int64_t now_ns);

#endif
