/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <string.h>

static const struct policy *const policies[] = {
    &policy_fifo,   &policy_lru,   &policy_clock,  &policy_sieve,       &policy_s3fifo,
    &policy_larder, &policy_table, &policy_belady, &policy_belady_size,
};

const struct policy *policy_find(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (strlen(policies[i]->name) == length && !memcmp(policies[i]->name, name, length)) {
            return policies[i];
        }
    }
    return NULL;
}
