/* SPDX-License-Identifier: Apache-2.0 */
#include "model/condition.h"

bool condition_names(const struct condition *condition, bool exists, uint64_t number) {
    if (!exists || condition->kind == CONDITION_ANY) {
        return exists;
    }
    for (unsigned i = 0; i < condition->count; i++) {
        if (condition->numbers[i] == number) {
            return true;
        }
    }
    return false;
}

bool conditions_hold(const struct conditions *conditions, bool exists, uint64_t number) {
    const struct condition *match = &conditions->match;
    const struct condition *none_match = &conditions->none_match;

    return (match->kind == CONDITION_NONE || condition_names(match, exists, number)) &&
           (none_match->kind == CONDITION_NONE || !condition_names(none_match, exists, number));
}
