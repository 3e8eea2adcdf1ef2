/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_ORIGINS_TRUTH_H
#define LARDER_TESTS_SIM_ORIGINS_TRUTH_H

#include "world.h"

/* Between the files that judge. */

static inline const struct origin_policy *truth_policy(void) {
    return &world->policy->origin.answers;
}

static inline bool truth_wishes(const struct op *op, uint32_t word) {
    return (op->caching.words & word) != 0;
}

static inline void truth_raise(int64_t *floor_ns, int64_t ns) {
    *floor_ns = ns > *floor_ns ? ns : *floor_ns;
}

/* What was answered. */
struct told {
    const struct op *op;
    const struct origin_entry *entry;
    uint64_t body; /* the number of the answer that the body came with; 0: there is none */
    uint64_t head; /* that of the answer, or the 304, by which it is answered */
    bool stored;   /* it is in the table */
};

/* --- truth_age.c --- */

/* The status of the answer that is stored: a 304 has that of what it renews. */
unsigned truth_status(const struct load *load);

int64_t truth_fresh_until(const struct load *load);
bool truth_is_failure(const struct load *load);

/* Whether the origin failed while somebody waited, or so shortly before that it was not asked again. */
bool truth_has_failed(const struct op *op);

/* What came while somebody waited is for him, however old it is. If the origin fails, max-age and min-fresh are not looked at
 * (RFC 5861, 4: "regardless of other freshness information"). */
void truth_check_age(const struct told *t, const struct load *load);

/* --- truth_whole.c: what belongs together, and to whom --- */

void truth_check_origins(const struct told *t);                 /* an answer of the origin */
void truth_check_primed(const struct told *t, uint64_t number); /* what somebody wrote */
void truth_check_failed(const struct told *t);                  /* this node says that the origin failed */

#endif
