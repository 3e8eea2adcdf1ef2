/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_COUNTER_H
#define LARDER_GROUP_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/command.h"

/* Numbers in values, as INCR and DECR of memcached's protocol take them. */

/* A value counts as a number if it begins with one, after white space and a plus perhaps, and goes on with white space or
 * ends there: what a DECR leaves behind is padded with spaces. */
bool counter_read(struct slice value, uint64_t *ret_number);

/* INCR wraps at 2^64, DECR stops at 0. */
uint64_t counter_compute(enum command command, uint64_t delta, uint64_t number);

/* The bytes that a value of `old_size` bytes has with a number of `digits` digits in it: it never becomes shorter. */
static inline size_t counter_size(size_t digits, size_t old_size) {
    return digits > old_size ? digits : old_size;
}

#endif
