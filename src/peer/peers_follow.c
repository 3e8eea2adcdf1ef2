/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "peer/peers_internal.h"

/* The list follows the membership: links to members that stay, stay. */

static bool is_same(const struct peer *p, const struct member *m) {
    return p->incarnation == m->incarnation && slice_equal(peer_id(p), m->id) &&
           slice_equal(peer_address(p), m->address);
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
    while (*from < peers->count && slice_compare(peer_id(peers->list[*from]), m->id) < 0) {
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
        while (at < count && slice_compare(peer_id(list[at]), peer_id(old[i])) < 0) {
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
    peers_count_gone(peers, old, old_count);
    peers->list = list;
    peers->count = members->count;
    pthread_mutex_unlock(&peers->lock);
    peers_let_go_all(peers, old, old_count);
    return LARDER_OK;
}
