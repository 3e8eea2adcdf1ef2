/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_TROUBLE_H
#define LARDER_TESTS_SIM_COHERENCE_TROUBLE_H

#include "../clock.h"

struct trial;

/* What goes wrong: by chance, one thing after another, of the kinds that are wanted. */
enum trouble_kind {
    TROUBLE_LAG,      /* a member lags behind by more or less */
    TROUBLE_LOST,     /* a watch is lost */
    TROUBLE_SILENT,   /* a watch tells of nothing for a while, or goes on */
    TROUBLE_BACK,     /* a watch tells of old events again */
    TROUBLE_REFUSED,  /* a watch ends with some status */
    TROUBLE_SLOW,     /* some ways take long */
    TROUBLE_DROPPED,  /* some questions are lost, or their answers */
    TROUBLE_AWAY,     /* nobody can be reached for a while */
    TROUBLE_STALLED,  /* the node's thread stands still */
    TROUBLE_PAUSED,   /* the node stands still */
    TROUBLE_COMPACT,  /* old revisions go */
    TROUBLE_RESTORE,  /* the cluster goes on from a backup */
    TROUBLE_PROGRESS, /* true progress, unasked */
    TROUBLE_KINDS
};

enum { TROUBLE_ALL = (1 << TROUBLE_KINDS) - 1, TROUBLE_NO_RESTORE = TROUBLE_ALL & ~(1 << TROUBLE_RESTORE) };

struct trouble {
    struct trial *trial;
    unsigned kinds;
    int64_t pause_ns; /* between two, at most */
    struct sim_event *event;
};

void trouble_begin(struct trouble *trouble, struct trial *trial, unsigned kinds, int64_t pause_ns);

/* All is well again, but for what is lost. */
void trouble_end(struct trouble *trouble);

/* One of this kind, now. */
void trouble_make(struct trouble *trouble, enum trouble_kind kind);

#endif
