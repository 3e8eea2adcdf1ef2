/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_RING_SIMULATION_H
#define LARDER_CLI_RING_SIMULATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ring/ring.h"

/* Nodes that do not exist, node-0001 and so on, keys that do not either, and the ring that the real ones would make: how
 * many keys each node has, and which ones move when a node comes or goes. The same numbers give the same result anywhere. */
enum {
    SIMULATION_NODES_MIN = 2,
    SIMULATION_NODES_MAX = RING_NODES_MAX - 1, /* one more comes */
    SIMULATION_NAME_MAX = 32,
};
#define SIMULATION_KEYS_MAX UINT32_MAX

struct simulation_node {
    char name[SIMULATION_NAME_MAX];
    uint32_t slots;
    uint64_t keys;
};

/* When a node comes or goes. */
struct simulation_move {
    const char *name;
    uint64_t moved;    /* keys that change their owner */
    uint64_t needless; /* of these, from one node to another that are both there before and after */
    double fair;       /* keys that each node has if all have as many; of the larger number of nodes */
};

struct simulation {
    size_t count;
    uint64_t keys;
    struct simulation_node nodes[RING_NODES_MAX]; /* by name; behind them the one that comes */
    size_t fullest;                               /* by keys; of several the first */
    size_t emptiest;
    struct simulation_move come;
    struct simulation_move go; /* the fullest: most has to move then */
};

/* `ret_simulation` stays where it is while it is used. Errors: NO_MEMORY. */
enum larder_error simulation_run(size_t nodes, uint64_t keys, struct simulation *ret_simulation);

/* How many keys that is, against what each node has if all have as many. */
double simulation_of_mean(const struct simulation *s, uint64_t keys);

#endif
