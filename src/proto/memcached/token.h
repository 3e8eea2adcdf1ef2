/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_TOKEN_H
#define LARDER_PROTO_MEMCACHED_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Only the space separates tokens; every other byte belongs to one. */

/* Cuts the next token off `line`. False when only spaces are left. */
bool token_next(struct slice *line, struct slice *ret_token);

/* Whether the bytes could stand as a token in a line: no space and no control byte. What could not travels in base64. */
bool token_can_hold(struct slice bytes);

/* Counts the tokens of `line`, up to `max`. */
unsigned token_count(struct slice line, unsigned max);

/* Numbers as memcached's protocol has them: decimal, within the type. */
bool token_u32(struct slice token, uint32_t *ret_number);
bool token_u64(struct slice token, uint64_t *ret_number);

/* Seconds to live from a token "exptime": 0 is for ever, up to 30 days it counts from now, beyond that it is a Unix time,
 * negative is over. */
bool token_ttl(struct slice token, int64_t *ret_ttl);

#endif
