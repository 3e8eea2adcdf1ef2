/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_FLOORS_H
#define LARDER_COHERE_FLOORS_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"

/* Keys of which something was shown to somebody that the keyspace does not have yet, each with the revision that `applied`
 * has to reach before memory may be used for them again: a write that was answered before its event came (rule 6), an answer
 * of the cluster that was ahead of the watch. There are few, and none as long as the watch keeps up. One thread changes them, any
 * number look. */
enum { FLOORS_MAX = 256 /* more become one of all keys */ };

struct floor {
    struct store_span span; /* in `place` */
    char *place;
    int64_t revision;
};

struct floors {
    pthread_mutex_t lock;
    atomic_size_t count; /* of `floors`, and one for `all` */
    atomic_bool blind;   /* one of them is not known to those who have copies of their own */
    int64_t blind_revision;
    int64_t all;     /* of all keys; 0: none */
    int64_t highest; /* of any that there is */
    size_t used;
    struct floor floors[FLOORS_MAX];
};

void floors_init(struct floors *f);
void floors_fini(struct floors *f);

/* NULL: all keys. `blind`: those who have copies of their own could not be told. Without memory, all keys. */
void floors_add(struct floors *f, const struct store_span *span, int64_t revision, bool blind);

/* `applied` has reached this revision. */
void floors_reached(struct floors *f, int64_t applied);

void floors_clear(struct floors *f);

/* The highest revision of all; 0: none. For the thread that changes them. */
static inline int64_t floors_highest(const struct floors *f) {
    return f->highest;
}

/* The highest revision that memory has to reach for these keys; 0: none. Any thread. */
int64_t floors_of(struct floors *f, const struct store_span *span);

static inline int64_t floors_of_span(struct floors *f, const struct store_span *span) {
    return atomic_load_explicit(&f->count, memory_order_acquire) == 0 ? 0 : floors_of(f, span);
}

/* Any thread. */
static inline bool floors_are_blind(const struct floors *f) {
    return atomic_load_explicit(&f->blind, memory_order_acquire);
}

#endif
