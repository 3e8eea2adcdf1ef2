/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "library/etcd/line.h"
#include "library/etcd/watch.h"
#include "library/memory.h"

/* A place, as its lease has it among its own. */

enum { LEASE_HEX_MAX = 16 };

/* False: the lease has such a place already. */
static bool list_place(struct place *place) {
    struct larder_etcd_lease *lease = place->lease;
    struct place *other;

    pthread_mutex_lock(&lease->lock);
    other = lease->places;
    while (other != NULL && !slice_equal(place_key(other), place_key(place))) {
        other = other->next;
    }
    if (other == NULL) {
        place->next = lease->places;
        lease->places = place;
    }
    pthread_mutex_unlock(&lease->lock);
    return other == NULL;
}

void place_unlist(struct place *place) {
    struct larder_etcd_lease *lease = place->lease;
    struct place **at = &lease->places;

    pthread_mutex_lock(&lease->lock);
    while (*at != place) {
        at = &(*at)->next;
    }
    *at = place->next;
    pthread_mutex_unlock(&lease->lock);
}

enum larder_status line_check(const struct larder_etcd *client, size_t name_size, char *ret_message) {
    if (client_is_foreign(client)) {
        return client_say(ret_message, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    if (name_size == 0) {
        return client_say(ret_message, LARDER_ERR_KEY, "the name is empty");
    }
    return name_size > LARDER_ETCD_NAME_MAX ? client_say(ret_message, LARDER_ERR_TOO_LARGE, "the name is too long")
                                            : LARDER_DONE;
}

/* The key: the name, a slash, the lease in hex without zeros in front. */
static bool write_key(struct place *place, const void *name, size_t name_size) {
    char *key = memory_new(&place->lease->client->allocator, name_size + 1 + LEASE_HEX_MAX + 1);

    if (key == NULL) {
        return false;
    }
    memcpy(key, name, name_size);
    place->key = key;
    place->prefix_size = name_size + 1;
    place->key_size =
        name_size + (size_t)snprintf(key + name_size, LEASE_HEX_MAX + 2, "/%" PRIx64, (uint64_t)place->lease->id);
    return true;
}

static enum larder_status fill_place(struct place *place, const void *name, size_t name_size, char *ret_message) {
    if (!write_key(place, name, name_size)) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    if (!list_place(place)) {
        memory_free(&place->lease->client->allocator, place->key);
        return client_say(ret_message, LARDER_ERR_BUSY, "the lease stands in that line already");
    }
    return LARDER_DONE;
}

enum larder_status place_new(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                             struct place **ret_place, char *ret_message) {
    const struct larder_allocator *allocator = &lease->client->allocator;
    enum larder_status status = line_check(lease->client, name_size, ret_message);
    struct place *place;

    if (status != LARDER_DONE) {
        return status;
    }
    place = memory_new(allocator, sizeof(*place));
    if (place == NULL) {
        return client_say(ret_message, LARDER_ERR_NO_MEMORY, "out of memory");
    }
    place->lease = lease;
    place->flag = -1;
    status = fill_place(place, name, name_size, ret_message);
    if (status != LARDER_DONE) {
        memory_free(allocator, place);
        return status;
    }
    *ret_place = place;
    return LARDER_DONE;
}

void place_drop(struct place *place, const struct larder_allocator *allocator) {
    memory_free(allocator, place->key);
    memory_free(allocator, place);
}

void place_free(struct place *place) {
    const struct larder_etcd *client = place->lease->client;

    if (!client_is_foreign(client)) {
        place_unlist(place);
    }
    place_drop(place, &client->allocator);
}

void place_set_flag(struct place *place, int flag) {
    pthread_mutex_lock(&place->lease->lock);
    place->flag = flag;
    pthread_mutex_unlock(&place->lease->lock);
}

void place_raise_flags(struct larder_etcd_lease *lease) {
    pthread_mutex_lock(&lease->lock);
    for (const struct place *place = lease->places; place != NULL; place = place->next) {
        if (place->flag >= 0) {
            flag_raise(place->flag);
        }
    }
    pthread_mutex_unlock(&lease->lock);
}

struct slice line_write_prefix(const void *name, size_t name_size, char *to) {
    memcpy(to, name, name_size);
    to[name_size] = '/';
    return slice_make(to, name_size + 1);
}

enum larder_status place_status(const struct place *place) {
    return larder_etcd_lease_status(place->lease);
}
