/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_PEERS_INTERNAL_H
#define LARDER_PEER_PEERS_INTERNAL_H

#include <pthread.h>

#include "peer/peers.h"

/* Between the files of a worker's links. */

struct resolver;
struct timer;

/* A member, and the link to it once it was needed. */
struct peer {
    struct peer_link *link; /* NULL: nothing was asked of it */
    struct peer *next_gone;
    struct peer *next_unflushed;
    bool unflushed;
    bool bad_address; /* it was found to be none, and said so */
    int64_t incarnation;
    size_t id_size;
    size_t address_size;
    char id[MEMBER_ID_MAX];
    char address[MEMBER_ADDRESS_MAX];
};

struct peers {
    struct loop *loop;
    struct peers_config config;
    struct resolver *resolver; /* NULL: no name was to be looked up yet */
    uint64_t links_made;       /* so that no two pause alike */
    struct peer *unflushed;
    struct peer *gone; /* not in the list any more; the timer ends them, for they may be in the middle of an answer */
    struct timer *gone_timer;
    /* Other threads read the list and the links' figures under this lock; the worker takes it to change them. */
    pthread_mutex_t lock;
    struct peer **list;
    size_t count;
    struct peer_totals gone_totals; /* of links that are not in the list any more; `ejected` is 0 */
    struct peers_roll_place place;  /* on config.roll */
};

static inline struct slice peer_id(const struct peer *p) {
    return slice_make(p->id, p->id_size);
}

static inline struct slice peer_address(const struct peer *p) {
    return slice_make(p->address, p->address_size);
}

/* Adds what the links of these did to the totals of those that are gone; NULL is passed over. Under the lock, as they leave
 * the list: so that no sum is ever less than one before. What still fails as they end is not counted. */
void peers_count_gone(struct peers *peers, struct peer *const *list, size_t count);

/* Ends them, at the latest with the next turn of the loop, and with them their requests; NULL is passed over. Frees the list,
 * which is nobody else's any more. */
void peers_let_go_all(struct peers *peers, struct peer **list, size_t count);

#endif
