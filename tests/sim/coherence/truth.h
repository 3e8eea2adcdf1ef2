/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_TRUTH_H
#define LARDER_TESTS_SIM_COHERENCE_TRUTH_H

#include "../clock.h"
#include "../mvcc.h"

/* What really happened, and when. A restored backup begins another era, which shares the revisions up to its base with the
 * one before. All eras stay until the end. */
enum { TRUTH_ERAS = 4 };

struct truth_made {
    int64_t at_ns;
    size_t first; /* of the revision's changes in mvcc */
};

struct truth_era {
    struct mvcc mvcc;
    int64_t base;            /* revisions up to it are those of the era before */
    int64_t began_ns;        /* 0: the first */
    int64_t ended_ns;        /* INT64_MAX: it goes on */
    struct truth_made *made; /* by revision, one more than there are */
    size_t made_capacity;
};

struct truth {
    struct sim *sim;
    struct truth_era eras[TRUTH_ERAS];
    size_t count;
};

void truth_init(struct truth *t, struct sim *sim);
void truth_fini(struct truth *t);

static inline struct truth_era *truth_now(struct truth *t) {
    return &t->eras[t->count - 1];
}

static inline int64_t truth_revision(struct truth *t) {
    return truth_now(t)->mvcc.revision;
}

/* Does a change now. What the result has is in `arena`, but for keys and values. */
enum store_status truth_apply(struct truth *t, const struct store_op *op, struct arena *arena,
                              struct store_result *result);

/* Goes on from `revision` in a new era. There must be room for one. */
void truth_restore(struct truth *t, int64_t revision);

/* The newest revision that the era had at that time; before it began, its base. */
int64_t truth_revision_at(const struct truth_era *era, int64_t at_ns);

/* The changes of a revision. */
const struct mvcc_change *truth_changes(const struct truth_era *era, int64_t revision, size_t *ret_count);

/* The first revision above `after` that changes a key of the span, INT64_MAX: there is none. */
int64_t truth_next_change(const struct truth_era *era, const struct store_span *span, int64_t after);

/* A change as a watch tells of it; borrowed from the era. */
struct kv_event truth_event(const struct truth_era *era, const struct mvcc_change *change);

/* Whether two are the same in all. NULL: none. */
bool truth_same(const struct kv *a, const struct kv *b);

enum store_status truth_status(enum etcd_error error);

#endif
