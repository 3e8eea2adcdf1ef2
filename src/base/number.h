/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_NUMBER_H
#define LARDER_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Most digits of a 64-bit number, and of a signed one with its sign. */
enum { NUMBER_MAX_DIGITS = 20 };

/* Longest text of a size or a duration, its NUL included. */
enum { NUMBER_UNIT_TEXT_MAX = 32 };

/* Reads `s` as decimal digits and nothing else. False (ret_number untouched) when it is empty, holds another byte or does
 * not fit 64 bits. */
bool number_parse_u64(struct slice s, uint64_t *ret_number);

/* The same with an optional leading '-'. */
bool number_parse_i64(struct slice s, int64_t *ret_number);

/* Reads a size: digits with an optional k, m, g (also K, M, G, and KiB, MiB, GiB), powers of 1024. False as above. */
bool number_parse_size(struct slice s, uint64_t *ret_bytes);

/* Reads a duration into nanoseconds: digits with an optional ns, us, ms, s, m, h; a plain number is seconds. False as
 * above. */
bool number_parse_duration(struct slice s, int64_t *ret_ns);

/* The shortest text that the two above read back, in the largest unit that leaves no rest: "256m", "1500ms", "0". Returns
 * ret_text, NUL-terminated. */
const char *number_size_text(uint64_t bytes, char ret_text[NUMBER_UNIT_TEXT_MAX]);
const char *number_duration_text(uint64_t ns, char ret_text[NUMBER_UNIT_TEXT_MAX]);

/* Writes `number` in decimal to `ret_text`, which has room for NUMBER_MAX_DIGITS bytes; no NUL. Returns the digits
 * written. */
size_t number_format_u64(uint64_t number, char *ret_text);

#endif
