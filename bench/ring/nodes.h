/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_RING_NODES_H
#define LARDER_BENCH_RING_NODES_H

#include "algorithm.h"

/* The nodes with ids 0 .. count-1 of a round, without the one with id `without` (UINT32_MAX: all). Names of different rounds
 * have nothing in common. */
void nodes_make(unsigned round, size_t count, uint32_t without, struct nodes *ret_nodes);
void nodes_fini(struct nodes *nodes);

#endif
