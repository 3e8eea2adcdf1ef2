/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/roll.h"

#include <assert.h>

#include "peer/peers.h"

void peers_roll_init(struct peers_roll *roll) {
    *roll = (struct peers_roll){.first = NULL};
    pthread_mutex_init(&roll->lock, NULL);
}

void peers_roll_fini(struct peers_roll *roll) {
    assert(roll->first == NULL);
    pthread_mutex_destroy(&roll->lock);
}

static void add(struct peer_totals *sum, const struct peer_totals *more) {
    sum->requests += more->requests;
    sum->failures += more->failures;
    sum->ejections += more->ejections;
    sum->ejected += more->ejected;
}

void peers_roll_get(struct peers_roll *roll, struct peer_totals *ret_totals) {
    pthread_mutex_lock(&roll->lock);
    *ret_totals = roll->gone;
    for (const struct peers_roll_place *place = roll->first; place != NULL; place = place->next) {
        struct peer_totals totals;

        peers_get_totals(place->peers, &totals);
        add(ret_totals, &totals);
    }
    pthread_mutex_unlock(&roll->lock);
}

void peers_roll_add(struct peers_roll *roll, struct peers_roll_place *place) {
    pthread_mutex_lock(&roll->lock);
    place->next = roll->first;
    roll->first = place;
    pthread_mutex_unlock(&roll->lock);
}

void peers_roll_remove(struct peers_roll *roll, struct peers_roll_place *place, const struct peer_totals *totals) {
    struct peers_roll_place **at = &roll->first;

    pthread_mutex_lock(&roll->lock);
    while (*at != place) {
        at = &(*at)->next;
    }
    *at = place->next;
    add(&roll->gone, totals);
    pthread_mutex_unlock(&roll->lock);
}
