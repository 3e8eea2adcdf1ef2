/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_AUDIT_H
#define LARDER_GROUP_AUDIT_H

#include "base/buf.h"
#include "group/durable.h"

/* The comparison of all copies that this node keeps of keys of the store with the store: first those that the store keeps
 * itself of what others have (STORE_OP_AUDIT), then those in the table. Clients go on meanwhile, and so does the worker: it
 * takes a short step at a time.
 *
 * A copy of revision c is compared with what the store itself, asked anew, has as of a revision R at or above c. If that is
 * another, the copy may only be about to be told of it. So it is looked at again once the observer was told of everything up
 * to R (store_revision): a copy that still is of c then is wrong. It is taken out, counted and logged. */
enum {
    AUDIT_KEYS_MAX = 100,     /* that are named; more are only counted */
    AUDIT_TIME_MAX_S = 600,   /* for the store's own part */
    AUDIT_ATTEMPTS_MAX = 5,   /* to have the observer told of everything up to R; then what looks wrong may be
                               * late, and is taken out without being counted */
    AUDIT_MEMORY = 256 << 10, /* bytes of an audit, as they count in DURABLE_MEMORY_MAX */
    AUDIT_STEP_S = 1,         /* between the questions of a patrol: a million copies take two hours and a half */
    AUDIT_PAUSE_S = 60,       /* between its rounds */
};

/* Begins it. The reply is complete or RESULT_PENDING; its result is DONE, TOO_MANY_REQUESTS (one is under way), NO_MEMORY,
 * TOO_OLD (the cluster cannot be reached, or the node stays behind it), STORE_DENIED, STORE_FAILED. */
void audit_run(const struct durable_access *a, struct reply *reply);

struct audit_report {
    uint64_t compared;
    uint64_t differences;
    const struct slice *keys; /* in the store, of the first differences */
    size_t key_count;
};

/* Of a reply whose result is DONE; the report lives until that is released. */
void audit_report_of(const struct reply *reply, struct audit_report *ret_report);

/* --- in the background --- */

/* A patrol: the copies in the table are compared slowly, round after round, by one worker of the node. What the store keeps
 * itself it compares itself. All zero is one that has not begun. */
struct audit_patrol {
    struct audit *audit; /* NULL: there is none under way */
    int64_t next_ns;     /* when it goes on */
};

/* Goes on if it is time to; to be called once a second or so, on the worker's thread. */
void audit_patrol_run(struct audit_patrol *patrol, const struct durable_access *a);

/* Ends it, on the worker's thread or after it, before the store is closed. Twice is fine. */
void audit_patrol_end(struct audit_patrol *patrol);

#endif
