/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_ROLL_H
#define LARDER_PEER_ROLL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct peers;

/* What the links of all workers did together, for metrics. Each struct peers that was made with a roll is on it from
 * peers_new to peers_free; what it counted stays counted. For any thread. */

struct peer_totals {
    uint64_t requests;  /* submitted */
    uint64_t failures;  /* of those that ended with an error */
    uint64_t ejections; /* how often links went down */
    size_t ejected;     /* links that are down now */
};

/* A place on the roll, in struct peers. */
struct peers_roll_place {
    struct peers_roll_place *next;
    struct peers *peers;
};

struct peers_roll {
    pthread_mutex_t lock; /* taken before that of a struct peers */
    struct peers_roll_place *first;
    struct peer_totals gone; /* of those that are not on it any more; `ejected` is 0 */
};

void peers_roll_init(struct peers_roll *roll);

/* All have been freed. */
void peers_roll_fini(struct peers_roll *roll);

/* Counters never go back. */
void peers_roll_get(struct peers_roll *roll, struct peer_totals *ret_totals);

/* --- for peers.c --- */

void peers_roll_add(struct peers_roll *roll, struct peers_roll_place *place);

/* `totals`: what it counted at last. */
void peers_roll_remove(struct peers_roll *roll, struct peers_roll_place *place, const struct peer_totals *totals);

#endif
