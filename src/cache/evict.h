/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_EVICT_H
#define LARDER_CACHE_EVICT_H

#include "cache/shard.h"

/* Making room. The policy is S3-FIFO (Yang et al., SOSP 2023) by segments: new keys enter the small queue; what was used
 * there moves on to the main queue, the rest leaves and is remembered by the ghost; a key that the ghost remembers enters
 * the main queue at once; the main queue gives a used entry another round. The small queue's share is no constant: a key
 * that returns soon after a queue dropped it shows that this queue is too short, and the border moves a little. */

/* Where a new entry of this hash and footprint belongs. */
enum queue_id evict_choose_queue(struct shard *s, uint64_t hash, size_t footprint);

/* Makes `size` bytes available to shard_charge, or a spare segment if size is 0: compacts if enough is dead, else evicts.
 * False when nothing is left to evict. */
bool evict_for(struct shard *s, size_t size, uint32_t now);

/* Slides live entries of one segment down into the older ones; returns whether a segment came free. */
bool evict_compact_step(struct shard *s, enum queue_id queue);

#endif
