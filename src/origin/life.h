/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ORIGIN_LIFE_H
#define LARDER_ORIGIN_LIFE_H

#include "origin/judge.h"

/* How long answers live, and which may be stored: what the two halves of judge_answer have in common. */

static inline int64_t life_least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Whether the status is one of an error that stale-if-error is about: RFC 5861, 4. */
static inline bool life_is_server_error(unsigned status) {
    return status == 500 || (status >= 502 && status <= 504);
}

enum origin_kind life_kind_of(unsigned status);

/* Whether an answer with this status, which is no error, may be stored without a word that allows it (heuristically
 * cacheable: RFC 9110, 15.1). */
bool life_is_kept_by_default(unsigned status);

/* corrected_initial_age of RFC 9111, 4.2.3, in milliseconds. */
int64_t life_initial_age_ms(const struct origin_answer *answer);

/* The parts of an entry, whose kind stands, that an answer decides, in this order. The first sets the flags anew: when it was
 * asked and answered, its Date, its initial age. The second: how long it is fresh, and by what. The third: what else
 * Cache-Control says. The policy has the say where the answer has no word. A 304 may lack the latter two. */
void life_read_times(const struct origin_answer *answer, struct origin_entry *e);
void life_read_lifetime(const struct origin_policy *policy, const struct origin_answer *answer, struct origin_entry *e);
void life_read_directives(const struct origin_policy *policy, const struct origin_answer *answer,
                          struct origin_entry *e);

/* What in its words forbids storing an answer, or renewing a stored one by it; NO_OBSTACLE: nothing does. */
enum judge_obstacle life_obstacle_in_words(const struct origin_answer *answer);

/* How long the table needs an entry that has just come: until it is of no use whatever happens. 0: it is of none now. */
int64_t life_keep_ms(const struct origin_policy *policy, const struct origin_entry *e);

#endif
