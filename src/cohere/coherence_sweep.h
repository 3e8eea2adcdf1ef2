/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_COHERENCE_SWEEP_H
#define LARDER_COHERE_COHERENCE_SWEEP_H

#include "cohere/coherence_internal.h"

/* The sweep: a pass over everything that is known, first the mirrors, by pages of a range, then the other keys, by read-only
 * transactions. A page is compared when `applied` has reached the revision it was answered at; what looks wrong is a suspect, and
 * asked for once more on its own before it counts as a difference: it may have been changed meanwhile. */
enum { SWEEP_SHOWN = 100 /* keys of differences that an audit names */ };

enum sweep_stage {
    SWEEP_RESTS,   /* until next_ns */
    SWEEP_ASKED,   /* for a page, or a suspect */
    SWEEP_COMPARES /* once `applied` is there */
};

struct sweep {
    struct question q;
    enum sweep_stage stage;
    bool running; /* a pass has begun and not ended */
    bool wished;  /* a pass, as soon as the watch is there */
    bool hurried; /* this pass does not pause */
    bool touched; /* the suspect was changed since the question */
    int64_t next_ns;
    int64_t compare_by_ns; /* `applied` is not waited for any longer */
    int64_t backoff_ns;
    int64_t limit; /* keys of a page; less after one was too large */

    size_t mirror; /* the one to compare next; behind the last: the other keys */
    char *from;    /* where the next page begins; NULL: at the beginning */
    size_t from_size;

    struct slice keys[COHERENCE_TXN_KEYS]; /* of the page, in q.call.arena */
    size_t key_count;

    struct arena arena; /* of the suspects */
    struct slice *suspects;
    size_t suspect_count;
    size_t suspect_next;
    size_t suspect_capacity;

    struct waiting_list audits; /* the first is under way if audit is its number */
    int64_t audit;              /* 0: none is */
    int64_t audit_numbers;
    uint64_t compared; /* in this pass */
    uint64_t differences;
    struct slice *shown; /* keys of them, in the audit's arena */
    size_t shown_count;
};

/* --- coherence_compare.c --- */

/* Compares the page that was answered, and remembers the suspects. False: no memory for them. */
bool sweep_compare_keys(struct coherence *c, struct sweep *s);
bool sweep_compare_mirror(struct coherence *c, struct sweep *s);
/* Whether what is known of the key contradicts what the cluster said of it (NULL: absent) as of that revision. */
bool sweep_differs(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision);
/* Takes over what the cluster says. */
void sweep_mend(struct coherence *c, struct slice key, const struct kv *kv, int64_t revision);

#endif
