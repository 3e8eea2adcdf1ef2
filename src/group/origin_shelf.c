/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_shelf.h"

#include <pthread.h>
#include <stdlib.h>

enum { BUCKETS = 1024 };

struct origin_shelf {
    pthread_mutex_t lock;
    atomic_size_t size; /* changed under the lock */
    struct origin_aside *oldest;
    struct origin_aside *newest;
    struct origin_aside *buckets[BUCKETS];
};

enum larder_error origin_shelf_new(struct origin_shelf **ret_shelf) {
    struct origin_shelf *shelf = calloc(1, sizeof(*shelf));

    if (shelf == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_init(&shelf->lock, NULL);
    atomic_init(&shelf->size, 0);
    *ret_shelf = shelf;
    return LARDER_OK;
}

void origin_shelf_free(struct origin_shelf *shelf) {
    if (shelf != NULL) {
        origin_shelf_void(shelf, GROUP_MAX, SLICE(""));
        pthread_mutex_destroy(&shelf->lock);
        free(shelf);
    }
}

bool origin_shelf_is_empty(const struct origin_shelf *shelf) {
    return atomic_load_explicit(&shelf->size, memory_order_acquire) == 0;
}

/* --- one answer --- */

static void free_aside(struct blob *blob) {
    struct origin_aside *aside = (struct origin_aside *)(void *)blob;

    origin_held_drop(&aside->held);
    free(aside);
}

static struct origin_aside *new_aside(const struct origin_flight *f, uint32_t expires) {
    struct origin_aside *aside = malloc(sizeof(*aside) + f->key_size);

    if (aside == NULL) {
        return NULL;
    }
    *aside = (struct origin_aside){
        .held = {&f->value->blob, origin_value_bytes(f->value)},
        .group = f->group,
        .hash = f->hash,
        .serial = f->place.view != NULL ? f->place.view->serial : 0,
        .asked_ns = f->begun_ns,
        .expires = expires,
        .may_adopt = f->place.keep == ORIGIN_KEEP_TO_ADOPT,
        .size = sizeof(*aside) + f->key_size + sizeof(*f->value) + f->value->room,
        .key_size = f->key_size,
    };
    blob_init(&aside->blob, free_aside);
    blob_ref(aside->held.blob);
    atomic_init(&aside->voided, false);
    memcpy(aside->key, f->key, f->key_size);
    return aside;
}

/* --- under the lock --- */

static struct origin_aside **find(struct origin_shelf *shelf, uint64_t hash, struct slice key) {
    struct origin_aside **at = &shelf->buckets[hash % BUCKETS];

    while (*at != NULL && !((*at)->hash == hash && slice_equal(origin_aside_key(*at), key))) {
        at = &(*at)->next;
    }
    return at;
}

static void insert(struct origin_shelf *shelf, struct origin_aside *aside) {
    struct origin_aside **bucket = &shelf->buckets[aside->hash % BUCKETS];

    aside->next = *bucket;
    *bucket = aside;
    aside->older = shelf->newest;
    *(shelf->newest != NULL ? &shelf->newest->newer : &shelf->oldest) = aside;
    shelf->newest = aside;
    aside->is_shelved = true;
    atomic_fetch_add_explicit(&shelf->size, aside->size, memory_order_release);
}

/* Into a list of those that are let go of without the lock. */
static void take_out(struct origin_shelf *shelf, struct origin_aside **at, struct origin_aside **gone) {
    struct origin_aside *aside = *at;

    *at = aside->next;
    *(aside->older != NULL ? &aside->older->newer : &shelf->oldest) = aside->newer;
    *(aside->newer != NULL ? &aside->newer->older : &shelf->newest) = aside->older;
    aside->is_shelved = false;
    atomic_store_explicit(&aside->voided, true, memory_order_relaxed); /* the shard's lock orders it */
    atomic_fetch_sub_explicit(&shelf->size, aside->size, memory_order_release);
    aside->next = *gone;
    *gone = aside;
}

static void make_room(struct origin_shelf *shelf, size_t size, struct origin_aside **gone) {
    while (atomic_load_explicit(&shelf->size, memory_order_relaxed) + size > ORIGIN_ASIDE_BYTES_MAX) {
        take_out(shelf, find(shelf, shelf->oldest->hash, origin_aside_key(shelf->oldest)), gone);
    }
}

/* --- with nothing locked --- */

static void let_go(struct origin_aside *gone) {
    while (gone != NULL) {
        struct origin_aside *next = gone->next;

        blob_unref(&gone->blob);
        gone = next;
    }
}

bool origin_shelf_put(struct origin_shelf *shelf, const struct origin_flight *f, uint32_t expires) {
    struct origin_aside *aside = new_aside(f, expires);
    struct origin_aside *gone = NULL;
    struct origin_aside **at;
    bool fits;

    if (aside == NULL) {
        return false;
    }
    fits = aside->size <= ORIGIN_ASIDE_BYTES_MAX / ORIGIN_ASIDE_SHARES;
    pthread_mutex_lock(&shelf->lock);
    at = find(shelf, f->hash, origin_flight_key(f));
    if (*at != NULL) {
        take_out(shelf, at, &gone);
    }
    if (fits && !atomic_load_explicit(&f->voided, memory_order_relaxed)) {
        make_room(shelf, aside->size, &gone);
        insert(shelf, aside);
    } else {
        aside->next = gone;
        gone = aside;
    }
    pthread_mutex_unlock(&shelf->lock);
    let_go(gone);
    return fits;
}

struct origin_aside *origin_shelf_find(struct origin_shelf *shelf, uint64_t hash, struct slice key) {
    struct origin_aside *aside;

    if (origin_shelf_is_empty(shelf)) {
        return NULL;
    }
    pthread_mutex_lock(&shelf->lock);
    aside = *find(shelf, hash, key);
    if (aside != NULL) {
        blob_ref(&aside->blob);
    }
    pthread_mutex_unlock(&shelf->lock);
    return aside;
}

void origin_shelf_remove(struct origin_shelf *shelf, struct origin_aside *aside) {
    struct origin_aside *gone = NULL;

    pthread_mutex_lock(&shelf->lock);
    if (aside->is_shelved) {
        struct origin_aside **at = &shelf->buckets[aside->hash % BUCKETS];

        while (*at != aside) {
            at = &(*at)->next;
        }
        take_out(shelf, at, &gone);
    }
    pthread_mutex_unlock(&shelf->lock);
    let_go(gone);
}

void origin_shelf_void_key(struct origin_shelf *shelf, uint64_t hash, struct slice key) {
    struct origin_aside *gone = NULL;
    struct origin_aside **at;

    pthread_mutex_lock(&shelf->lock);
    at = find(shelf, hash, key);
    if (*at != NULL) {
        take_out(shelf, at, &gone);
    }
    pthread_mutex_unlock(&shelf->lock);
    let_go(gone);
}

void origin_shelf_void(struct origin_shelf *shelf, unsigned group, struct slice prefix) {
    struct origin_aside *gone = NULL;

    pthread_mutex_lock(&shelf->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct origin_aside **at = &shelf->buckets[i]; *at != NULL;) {
            if ((group == GROUP_MAX || (*at)->group == group) && slice_has_prefix(origin_aside_key(*at), prefix)) {
                take_out(shelf, at, &gone);
            } else {
                at = &(*at)->next;
            }
        }
    }
    pthread_mutex_unlock(&shelf->lock);
    let_go(gone);
}
