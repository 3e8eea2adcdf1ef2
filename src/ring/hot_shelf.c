/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ring/hot_copies.h"

/* Rule 4 by hash: when a key of this stripe was revoked last. A read that was sent before, or in the same moment, may have
 * been answered before the revocation began. */
enum { STRIPES = 256, STRIPE_SHIFT = 32 };

struct copy {
    struct copy *chain; /* of the bucket */
    struct copy *prev;  /* by the time it was put in */
    struct copy *next;
    struct blob *value;
    size_t bytes;
    int64_t owner;
    int64_t until_ns;
    uint64_t serial;
    uint64_t hash;
    size_t key_size;
    char key[];
};

struct hot_shelf {
    struct hot_shelf_config config;
    struct hot_shelf_counts counts;
    struct copy *first;
    struct copy *last;
    int64_t dropped_ns; /* as `revoked_ns`, of all stripes */
    int64_t revoked_ns[STRIPES];
    size_t mask;
    struct copy *buckets[];
};

enum larder_error hot_shelf_new(const struct hot_shelf_config *config, struct hot_shelf **ret_shelf) {
    struct hot_shelf *shelf;
    size_t buckets = 1;

    assert(config->keys_max > 0 && config->keys_max <= HOT_KEYS_MAX);
    while (buckets < config->keys_max) {
        buckets *= 2;
    }
    shelf = calloc(1, sizeof(*shelf) + buckets * sizeof(struct copy *));
    if (shelf == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    shelf->config = *config;
    shelf->mask = buckets - 1;
    shelf->dropped_ns = INT64_MIN;
    for (size_t i = 0; i < STRIPES; i++) {
        shelf->revoked_ns[i] = INT64_MIN;
    }
    *ret_shelf = shelf;
    return LARDER_OK;
}

void hot_shelf_count(const struct hot_shelf *shelf, struct hot_shelf_counts *ret_counts) {
    *ret_counts = shelf->counts;
}

static struct copy **place_of(struct hot_shelf *shelf, struct slice key, uint64_t hash) {
    struct copy **place = &shelf->buckets[hash & shelf->mask];

    while (*place != NULL &&
           ((*place)->hash != hash || !slice_equal(slice_make((*place)->key, (*place)->key_size), key))) {
        place = &(*place)->chain;
    }
    return place;
}

static size_t weight(const struct copy *copy) {
    return sizeof(*copy) + copy->key_size + copy->bytes;
}

static void take_out(struct hot_shelf *shelf, struct copy *copy) {
    struct copy **place = place_of(shelf, slice_make(copy->key, copy->key_size), copy->hash);

    *place = copy->chain;
    *(copy->prev == NULL ? &shelf->first : &copy->prev->next) = copy->next;
    *(copy->next == NULL ? &shelf->last : &copy->next->prev) = copy->prev;
    shelf->counts.keys--;
    shelf->counts.bytes -= weight(copy);
    blob_unref(copy->value);
    free(copy);
}

static void put_last(struct hot_shelf *shelf, struct copy *copy) {
    struct copy **bucket = &shelf->buckets[copy->hash & shelf->mask];

    copy->chain = *bucket;
    *bucket = copy;
    copy->prev = shelf->last;
    *(shelf->last == NULL ? &shelf->first : &shelf->last->next) = copy;
    shelf->last = copy;
    shelf->counts.keys++;
    shelf->counts.bytes += weight(copy);
}

void hot_shelf_free(struct hot_shelf *shelf) {
    if (shelf == NULL) {
        return;
    }
    while (shelf->first != NULL) {
        take_out(shelf, shelf->first);
    }
    free(shelf);
}

static int64_t *revoked_of(struct hot_shelf *shelf, uint64_t hash) {
    return &shelf->revoked_ns[hash >> STRIPE_SHIFT & (STRIPES - 1)];
}

/* Rules 2, 4 and 5. */
static bool is_in_time(struct hot_shelf *shelf, const struct hot_copy *copy, uint64_t newest, int64_t now_ns) {
    return copy->serial == newest && copy->sent_ns > *revoked_of(shelf, copy->hash) &&
           copy->sent_ns > shelf->dropped_ns && now_ns - copy->sent_ns < copy->lease_ns;
}

static struct copy *new_copy(const struct hot_copy *from) {
    struct copy *copy = calloc(1, sizeof(*copy) + from->key.size);

    if (copy == NULL) {
        return NULL;
    }
    copy->value = from->value;
    copy->bytes = from->bytes;
    copy->owner = from->owner;
    copy->until_ns = from->sent_ns + from->lease_ns;
    copy->serial = from->serial;
    copy->hash = from->hash;
    copy->key_size = from->key.size;
    memcpy(copy->key, from->key.data, from->key.size);
    return copy;
}

/* The oldest go first: of those the leases end first, mostly, and what is read goes on to be granted anew. */
static void make_room(struct hot_shelf *shelf, size_t bytes, int64_t now_ns) {
    while (shelf->first != NULL && (shelf->counts.keys == shelf->config.keys_max || shelf->first->until_ns <= now_ns ||
                                    shelf->counts.bytes > shelf->config.bytes_max - bytes)) {
        shelf->counts.pushed += shelf->first->until_ns > now_ns;
        take_out(shelf, shelf->first);
    }
}

bool hot_put(struct hot_shelf *shelf, const struct hot_copy *copy, uint64_t newest, int64_t now_ns) {
    struct copy *old = *place_of(shelf, copy->key, copy->hash);
    struct copy *made;

    if (copy->key.size > HOT_KEY_MAX || copy->bytes > shelf->config.bytes_max) {
        return false;
    }
    if (!is_in_time(shelf, copy, newest, now_ns)) {
        shelf->counts.late++;
        return false;
    }
    if (old != NULL) {
        take_out(shelf, old);
    }
    made = new_copy(copy);
    if (made == NULL) {
        return false;
    }
    if (weight(made) > shelf->config.bytes_max) {
        free(made);
        return false;
    }
    make_room(shelf, weight(made), now_ns);
    blob_ref(made->value);
    put_last(shelf, made);
    shelf->counts.put++;
    return true;
}

struct blob *hot_find(struct hot_shelf *shelf, struct slice key, uint64_t hash, uint64_t newest, int64_t authority_ns,
                      int64_t now_ns) {
    struct copy *copy = shelf->counts.keys == 0 ? NULL : *place_of(shelf, key, hash);

    if (copy == NULL) {
        return NULL;
    }
    if (copy->serial != newest || copy->until_ns <= now_ns) {
        take_out(shelf, copy);
        return NULL;
    }
    if (authority_ns <= now_ns) {
        return NULL;
    }
    shelf->counts.served++;
    return copy->value;
}

void hot_revoke(struct hot_shelf *shelf, struct slice key, uint64_t hash, int64_t now_ns) {
    struct copy *copy = *place_of(shelf, key, hash);

    *revoked_of(shelf, hash) = now_ns;
    if (copy != NULL) {
        shelf->counts.revoked++;
        take_out(shelf, copy);
    }
}

void hot_drop(struct hot_shelf *shelf, int64_t owner, int64_t now_ns) {
    struct copy *next;

    shelf->dropped_ns = now_ns;
    for (struct copy *copy = shelf->first; copy != NULL; copy = next) {
        next = copy->next;
        if (copy->owner == owner) {
            take_out(shelf, copy);
        }
    }
}
