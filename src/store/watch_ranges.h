/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_WATCH_RANGES_H
#define LARDER_STORE_WATCH_RANGES_H

#include "base/random.h"
#include "store/watch_set.h"

/* Ranges of keys, found by a key that lies in them: a treap (Seidel and Aragon 1996) in the order of their first keys, where
 * each node knows which range below it ends last. What is found costs a step each, and what is not, next to nothing. */

void watch_ranges_add(struct watch_ranges *ranges, struct watch_entry *entry);
void watch_ranges_remove(struct watch_ranges *ranges, struct watch_entry *entry);

/* Calls `found` for each range that the key lies in; it must not change the ranges. */
void watch_ranges_each(const struct watch_ranges *ranges, struct slice key,
                       void (*found)(void *ctx, struct watch_entry *entry), void *ctx);

#endif
