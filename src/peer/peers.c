/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/peers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/resolver.h"
#include "net/timer.h"

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

static struct slice id_of(const struct peer *p) {
    return slice_make(p->id, p->id_size);
}

static struct slice address_of(const struct peer *p) {
    return slice_make(p->address, p->address_size);
}

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

/* Under the lock, as they leave the list: so that no sum is ever less than one before. What still fails as they end is not
 * counted. */
static void count_gone(struct peers *peers, struct peer *const *list, size_t count) {
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

static void let_go_all(struct peers *peers, struct peer **list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] != NULL) {
            let_go(peers, list[i]);
        }
    }
    free(list);
}

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
    count_gone(peers, list, count);
    peers->list = NULL;
    peers->count = 0; /* what a `done` submits is refused */
    pthread_mutex_unlock(&peers->lock);
    if (peers->config.roll != NULL) {
        peers_roll_remove(peers->config.roll, &peers->place, &peers->gone_totals);
    }
    let_go_all(peers, list, count);
    end_gone(peers);
    timer_free(peers->gone_timer);
    resolver_free(peers->resolver);
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

/* --- membership --- */

static bool is_same(const struct peer *p, const struct member *m) {
    return p->incarnation == m->incarnation && slice_equal(id_of(p), m->id) && slice_equal(address_of(p), m->address);
}

static struct peer *peer_new(const struct member *m) {
    struct peer *p = calloc(1, sizeof(*p));

    assert(m->id.size <= MEMBER_ID_MAX && m->address.size <= MEMBER_ADDRESS_MAX);
    if (p == NULL) {
        return NULL;
    }
    p->incarnation = m->incarnation;
    p->id_size = m->id.size;
    memcpy(p->id, m->id.data, m->id.size);
    p->address_size = m->address.size;
    if (m->address.size > 0) {
        memcpy(p->address, m->address.data, m->address.size);
    }
    return p;
}

/* The present place of a member; `count`: it is new. Both lists are sorted by id: *from moves along. */
static size_t find(const struct peers *peers, const struct member *m, size_t *from) {
    while (*from < peers->count && slice_compare(id_of(peers->list[*from]), m->id) < 0) {
        (*from)++;
    }
    return *from < peers->count && is_same(peers->list[*from], m) ? *from : peers->count;
}

/* Frees those of `list` that are not in the present one. */
static void drop_new(const struct peers *peers, const struct membership *members, struct peer **list, size_t count) {
    size_t from = 0;

    for (size_t i = 0; i < count; i++) {
        if (find(peers, &members->members[i], &from) == peers->count) {
            free(list[i]);
        }
    }
}

/* The new list: those that stay, which are in both lists for now, and new ones. False: out of memory, nothing is left. */
static bool make_list(const struct peers *peers, const struct membership *members, struct peer **list) {
    size_t from = 0;

    for (size_t i = 0; i < members->count; i++) {
        size_t at = find(peers, &members->members[i], &from);

        list[i] = at < peers->count ? peers->list[at] : peer_new(&members->members[i]);
        if (list[i] == NULL) {
            drop_new(peers, members, list, i);
            return false;
        }
    }
    return true;
}

/* Takes those that stay out of the old list. */
static void take_kept(struct peer **old, size_t old_count, struct peer *const *list, size_t count) {
    size_t at = 0;

    for (size_t i = 0; i < old_count; i++) {
        while (at < count && slice_compare(id_of(list[at]), id_of(old[i])) < 0) {
            at++;
        }
        if (at < count && list[at] == old[i]) {
            old[i] = NULL;
        }
    }
}

enum larder_error peers_follow(struct peers *peers, const struct membership *members) {
    struct peer **list = calloc(members->count + 1, sizeof(struct peer *));
    struct peer **old = peers->list;
    size_t old_count = peers->count;

    if (list == NULL || !make_list(peers, members, list)) {
        free(list);
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_lock(&peers->lock);
    take_kept(old, old_count, list, members->count);
    count_gone(peers, old, old_count);
    peers->list = list;
    peers->count = members->count;
    pthread_mutex_unlock(&peers->lock);
    let_go_all(peers, old, old_count);
    return LARDER_OK;
}

/* --- requests --- */

static struct peer_options options_for(struct peers *peers, const struct peer *p) {
    const struct peers_config *c = &peers->config;

    return (struct peer_options){
        .limits = {.pending = c->pending, .output = c->value + PEERS_OUTPUT_MAX, .value = c->value},
        .connect_timeout_ns = c->connect_timeout_ns,
        .pause_min_ns = c->pause_min_ns,
        .pause_max_ns = c->pause_max_ns,
        .seed = c->seed + peers->links_made++,
        .identity = c->identity,
        .expected = id_of(p),
        .timeouts_max = PEERS_FAILURES,
        .on_input = c->on_input,
        .ctx = c->ctx,
    };
}

/* A link to an address; numbers need nobody to look them up. */
static enum larder_error link_to(struct peers *peers, struct peer *p, const struct address *address,
                                 struct peer_link **ret_link) {
    const struct peer_options options = options_for(peers, p);
    struct endpoint endpoint;

    if (endpoint_local(address, &endpoint) == LARDER_OK) {
        return peer_link_new(peers->loop, &endpoint, 1, &options, ret_link);
    }
    if (peers->resolver == NULL) {
        peers->resolver = resolver_new(peers->loop);
    }
    return peers->resolver == NULL ? LARDER_ERROR_NO_MEMORY
                                   : peer_link_new_by_name(peers->loop, peers->resolver, address, &options, ret_link);
}

static void tell_bad_address(struct peer *p, const char *reason) {
    if (!p->bad_address) {
        p->bad_address = true;
        log_warn("a node of the cluster has an address that is none", log_slice("node", id_of(p)),
                 log_slice("address", address_of(p)), log_string("reason", reason));
    }
}

/* Sees to it that there is a link. Errors: REFUSED (no address), NO_MEMORY. */
static enum larder_error open_link(struct peers *peers, struct peer *p) {
    struct peer_link *link;
    struct address address;
    enum larder_error error;
    const char *reason;

    if (p->link != NULL) {
        return LARDER_OK;
    }
    if (!address_parse(address_of(p), &address, &reason)) {
        tell_bad_address(p, reason);
        return LARDER_ERROR_REFUSED;
    }
    error = link_to(peers, p, &address, &link);
    if (error == LARDER_OK) {
        pthread_mutex_lock(&peers->lock);
        p->link = link;
        pthread_mutex_unlock(&peers->lock);
    }
    return error;
}

enum larder_error peers_submit(struct peers *peers, uint16_t member, const struct request *request,
                               pipeline_done_fn *done, void *ctx) {
    struct peer *p;
    enum larder_error error;

    assert(request->peer != NULL);
    if (member >= peers->count) {
        return LARDER_ERROR_REFUSED;
    }
    p = peers->list[member];
    error = open_link(peers, p);
    if (error == LARDER_OK) {
        error = peer_link_submit(p->link, request, done, ctx);
    }
    if (error == LARDER_OK && !p->unflushed) {
        p->unflushed = true;
        p->next_unflushed = peers->unflushed;
        peers->unflushed = p;
    }
    return error;
}

void peers_flush(struct peers *peers) {
    while (peers->unflushed != NULL) {
        struct peer *p = peers->unflushed;

        peers->unflushed = p->next_unflushed;
        p->unflushed = false;
        peer_link_flush(p->link);
    }
}

/* --- figures --- */

bool peers_get_figures(struct peers *peers, struct slice id, struct peer_figures *ret_figures) {
    bool found = false;

    pthread_mutex_lock(&peers->lock);
    for (size_t i = 0; i < peers->count && !found; i++) {
        const struct peer *p = peers->list[i];

        found = slice_equal(id_of(p), id);
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
