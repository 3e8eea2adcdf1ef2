/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_SWEEP_H
#define LARDER_CACHE_SWEEP_H

#include "cache/shard.h"

/* Takes back what nobody asks for any more: expired entries, the room of dead ones, spare segments. A round starts at the
 * oldest segments and goes on where the last call stopped. */

/* Begins a round. */
void sweep_begin(struct shard *s);

/* Does a short piece of the round, at most a few segments' work. False when the round is over. */
bool sweep_step(struct shard *s, uint32_t now);

#endif
