/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_CONDITION_H
#define LARDER_MODEL_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

/* What a caller demands of the value a key has when its request takes place, told by the value's number: in a store group
 * the revision of its last change, in a memory group its cas. */

enum { CONDITION_NUMBERS_MAX = 12 /* in one condition; below STORE_TXN_DEPTH_MAX */ };

enum condition_kind {
    CONDITION_NONE, /* nothing is demanded */
    CONDITION_ANY,  /* any value there is */
    CONDITION_LIST, /* the values of these numbers; the list may be empty */
};

struct condition {
    enum condition_kind kind;
    unsigned count;
    uint64_t numbers[CONDITION_NUMBERS_MAX]; /* none is 0, which no value has */
};

/* All zero demands nothing. */
struct conditions {
    struct condition match;      /* the value must be among these */
    struct condition none_match; /* it must not; an absent one is not */
};

static inline bool conditions_are_given(const struct conditions *c) {
    return c->match.kind != CONDITION_NONE || c->none_match.kind != CONDITION_NONE;
}

/* Whether the value, if there is one (`exists`), of this number is among those that the condition, which is not NONE,
 * names. */
bool condition_names(const struct condition *condition, bool exists, uint64_t number);

/* Whether both conditions hold. */
bool conditions_hold(const struct conditions *conditions, bool exists, uint64_t number);

#endif
