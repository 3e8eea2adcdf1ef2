/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_ERRAND_H
#define LARDER_RING_ERRAND_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/keeper.h"

/* The way of one request with a key of a memory group: here, to the owner, by way of the previous owner. A machine without
 * I/O: each function takes what has happened and says what is to be done next. The keeper says what is right at a moment,
 * this what follows from what; `group/shared.c` does it, and the simulation does it too.
 *
 *     RUN      act on the table under the view `errand->view`, then errand_ran. All under the lock of the key's shard: if
 *              !keeper_is_newest: MOVED; an entry that does not count (keeper_counts) is absent; if `errand->inherits` and
 *              the key is absent: ABSENT; else do it
 *     ASK      have `errand->member` give the key up (keeper_stamp with give_up), by one flight for a key, member and view,
 *              however many errands want it. What it gave is put into the table, under the lock, if keeper_takes and
 *              !`errand->discards` and the key is absent there; then errand_asked. A flight has a deadline of its own; an
 *              answer that comes after its end is dropped
 *     SEND     send the request to `errand->member` with the view's stamp, then errand_sent
 *     REFRESH  have the membership and the purges read anew from the store, at least as of `errand->revision`; then
 *              errand_refreshed
 *     AWAIT    the same, but it comes by itself: wait until the view is of `errand->revision`; then errand_refreshed
 *     END      answer with `errand->end`
 * An errand ends: each SEND, REFRESH and AWAIT is taken ERRAND_TRIES times at most, each ASK once for a view and member, and
 * all waits end by its deadline; after it there are none.
 *
 * A `now_ns` that is passed in was read after what is told of had happened. */
enum errand_action { ERRAND_RUN, ERRAND_ASK, ERRAND_SEND, ERRAND_REFRESH, ERRAND_AWAIT, ERRAND_END };

enum { ERRAND_TRIES = 2 };

enum errand_end {
    ERRAND_DONE,     /* with what RUN or SEND has given */
    ERRAND_AWAY,     /* the owner, or the previous one, cannot be reached: a read is a miss, a write is refused */
    ERRAND_UNKNOWN,  /* a write may have been done or not */
    ERRAND_ISOLATED, /* this node may not answer */
    ERRAND_NO_RING,
    ERRAND_WRONG,    /* of a peer's: wrong-epoch `errand->revision` */
    ERRAND_UNSETTLED /* the nodes did not come to agree in time: a read is a miss, a write is refused. Of a peer's give_up:
                        the key is not here, and whether another node still has it cannot be told from here */
};

struct errand {
    struct keeper *keeper;
    struct keeper_view *view; /* what was decided by last; counted */
    struct slice key;         /* borrowed */
    bool writes;
    bool from_peer;
    struct peer_stamp stamp; /* of a peer's */
    uint16_t member;
    uint32_t slot;
    bool inherits; /* RUN: only if the table has the key; else do nothing and say ABSENT */
    bool discards; /* ASK: what it gives may be old; that it answers is what counts */
    unsigned sends;
    unsigned refreshes;
    uint64_t asked;   /* the serial of the view by which the previous owner was asked */
    bool is_doubtful; /* and he could not tell */
    int64_t revision;
    int64_t deadline_ns;
    enum errand_end end;
};

/* `stamp` NULL: a client's. `view` (may be NULL) is what the worker holds; the errand takes a reference of its own, or of a
 * newer one. */
enum errand_action errand_begin(struct errand *e, struct keeper *keeper, struct keeper_view *view, struct slice key,
                                bool writes, const struct peer_stamp *stamp, int64_t deadline_ns, int64_t now_ns);

enum errand_ran {
    ERRAND_RAN_DONE,
    ERRAND_RAN_ABSENT, /* `inherits`, and the key is not there */
    ERRAND_RAN_MOVED   /* the view is not the newest any more */
};
enum errand_action errand_ran(struct errand *e, enum errand_ran how, int64_t now_ns);

enum errand_asked {
    ERRAND_ASKED_ANSWERED,  /* it gave the entry, put in or not, or it had nothing (a miss) */
    ERRAND_ASKED_UNSETTLED, /* it had nothing, and that says nothing: ERRAND_UNSETTLED */
    ERRAND_ASKED_WRONG,     /* wrong-epoch `revision` */
    ERRAND_ASKED_AWAY,      /* not reached, or its answer was lost, or it may not answer */
};
enum errand_action errand_asked(struct errand *e, enum errand_asked how, int64_t revision, int64_t now_ns);

enum errand_sent {
    ERRAND_SENT_ANSWERED, /* by its table, whatever the result */
    ERRAND_SENT_REFUSED,  /* by its errand: nothing was done; the answer is to be passed on */
    ERRAND_SENT_WRONG,    /* wrong-epoch `revision`: nothing was done */
    ERRAND_SENT_AWAY,     /* it cannot have been done */
    ERRAND_SENT_LOST,     /* it may have been done */
};
enum errand_action errand_sent(struct errand *e, enum errand_sent how, int64_t revision, int64_t now_ns);

/* `reached`: the view is of the revision now; else it did not come in time. */
enum errand_action errand_refreshed(struct errand *e, bool reached, int64_t now_ns);

/* Gives the view back. Twice is fine. */
void errand_fini(struct errand *e);

#endif
