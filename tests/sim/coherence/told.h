/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_TOLD_H
#define LARDER_TESTS_SIM_COHERENCE_TOLD_H

#include "cohere/coherence.h"
#include "truth.h"

/* What an observer of one machine was told, held against the truth: every revision's events once, in order and whole, and
 * nothing missing between two resets. */
struct told {
    struct truth *truth;
    const struct store_span *span;
    size_t machine;
    bool has_begun; /* since the last reset */
    bool may_reset; /* something happened that is a reason to */
    unsigned eras;  /* a bit for each that what was told may be of */
    int64_t applied;
    uint64_t resets;
};

void told_init(struct told *told, struct truth *truth, const struct store_span *span, size_t machine);

/* As coherence_world's. `era`: the newest that the machine can know of. */
void told_events(struct told *told, const struct kv_event *events, size_t count, int64_t applied, size_t era);
void told_early(struct told *told, const struct kv_event *event);
void told_reset(struct told *told);

/* The machine says that this is applied. */
void told_check_applied(const struct told *told, int64_t applied);

/* Whether what was told up to now may be of this era. */
bool told_may_be_of(const struct told *told, size_t era);

/* Everything that was done before `proven_ns` was told; nothing is proven until it has begun. */
void told_check_proven(const struct told *told, int64_t proven_ns);

/* Each entry is true, and not older than what is applied. */
void told_check_keyspace(const struct told *told, struct keyspace *keyspace);

#endif
