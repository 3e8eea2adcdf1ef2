/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/resolver.h"
#include "net/timer.h"
#include "peer/peers_internal.h"

/* --- what links did --- */

static void count_in(struct peer_totals *totals, const struct peer *p) {
    struct peer_figures figures;

    if (p->link != NULL) {
        peer_link_get_figures(p->link, &figures);
        totals->requests += figures.requests;
        totals->failures += figures.failures;
        totals->ejections += figures.ejections;
        totals->ejected += figures.state == PEER_EJECTED;
    }
}

void peers_count_gone(struct peers *peers, struct peer *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] != NULL) {
            count_in(&peers->gone_totals, list[i]);
        }
    }
    peers->gone_totals.ejected = 0;
}

void peers_get_totals(struct peers *peers, struct peer_totals *ret_totals) {
    pthread_mutex_lock(&peers->lock);
    *ret_totals = peers->gone_totals;
    for (size_t i = 0; i < peers->count; i++) {
        count_in(ret_totals, peers->list[i]);
    }
    pthread_mutex_unlock(&peers->lock);
}

bool peers_get_figures(struct peers *peers, struct slice id, struct peer_figures *ret_figures) {
    bool found = false;

    pthread_mutex_lock(&peers->lock);
    for (size_t i = 0; i < peers->count && !found; i++) {
        const struct peer *p = peers->list[i];

        found = slice_equal(peer_id(p), id);
        if (found) {
            *ret_figures = (struct peer_figures){.state = PEER_IDLE};
        }
        if (found && p->link != NULL) {
            peer_link_get_figures(p->link, ret_figures);
        }
    }
    pthread_mutex_unlock(&peers->lock);
    return found;
}

/* --- the end of a link --- */

static void forget_unflushed(struct peers *peers, struct peer *p) {
    struct peer **at = &peers->unflushed;

    if (!p->unflushed) {
        return;
    }
    while (*at != p) {
        at = &(*at)->next_unflushed;
    }
    *at = p->next_unflushed;
    p->unflushed = false;
}

/* Its requests end, at the latest with the next turn of the loop. */
static void let_go(struct peers *peers, struct peer *p) {
    forget_unflushed(peers, p);
    if (peers->gone == NULL) {
        timer_start(peers->gone_timer, 0, 0);
    }
    p->next_gone = peers->gone;
    peers->gone = p;
}

static void end_gone(void *ctx) {
    struct peers *peers = ctx;

    while (peers->gone != NULL) {
        struct peer *p = peers->gone;

        peers->gone = p->next_gone;
        peer_link_free(p->link);
        free(p);
    }
}

void peers_let_go_all(struct peers *peers, struct peer **list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] != NULL) {
            let_go(peers, list[i]);
        }
    }
    free(list);
}

/* --- beginning and end of all --- */

enum larder_error peers_new(struct loop *loop, const struct peers_config *config, struct peers **ret_peers) {
    struct peers *peers = calloc(1, sizeof(*peers));

    if (peers == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    peers->loop = loop;
    peers->config = *config;
    peers->gone_timer = timer_new(loop, end_gone, peers);
    if (peers->gone_timer == NULL) {
        free(peers);
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_init(&peers->lock, NULL);
    peers->place.peers = peers;
    if (config->roll != NULL) {
        peers_roll_add(config->roll, &peers->place);
    }
    *ret_peers = peers;
    return LARDER_OK;
}

void peers_free(struct peers *peers) {
    struct peer **list;
    size_t count;

    if (peers == NULL) {
        return;
    }
    pthread_mutex_lock(&peers->lock);
    list = peers->list;
    count = peers->count;
    peers_count_gone(peers, list, count);
    peers->list = NULL;
    peers->count = 0; /* what a `done` submits is refused */
    pthread_mutex_unlock(&peers->lock);
    if (peers->config.roll != NULL) {
        peers_roll_remove(peers->config.roll, &peers->place, &peers->gone_totals);
    }
    peers_let_go_all(peers, list, count);
    end_gone(peers);
    timer_free(peers->gone_timer);
    resolver_free(peers->resolver);
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}
