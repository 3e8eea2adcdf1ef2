/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/hash.h"
#include "cohere/keyspace_internal.h"

/* S3-FIFO (Yang et al., SOSP 2023), as the table does it with segments (cache/evict.h): new keys enter the small queue; what
 * was used there moves on to the main queue, the rest goes and is remembered by the ghost; a key that the ghost remembers
 * enters the main queue at once; the main queue gives a used entry another round. The small queue's share moves a little
 * whenever a key returns soon after a queue let it go. */
enum {
    SMALL_SHARE = 10,        /* the small queue begins with 1/10 of the memory, */
    SMALL_SHARE_LEAST = 100, /* and stays between 1/100 */
    SMALL_SHARE_MOST = 2,    /* and 1/2 */
    SMALL_STEP = 5,          /* it moves by 1/5 of an entry that came back too late */
    FRESH_SHARE = 10,        /* too late: within the last 1/10 x entries drops of its queue */
    SPARED_MOST = 256,       /* entries that one change lets stay because they were used; then even these go */
    EVICTED_AT_ONCE = 64,    /* entries that are let go before readers have a turn */
    GHOST_MEMORY_SHARE = 16, /* the ghost takes at most 1/16 of the memory */
};

void keyspace_room_init(struct keyspace *ks) {
    ks->small_target = ks->config.memory / SMALL_SHARE;
}

/* --- what is taken --- */

static size_t kept_count(const struct keyspace *ks) {
    return ks->queues[KNOWN_SMALL].count + ks->queues[KNOWN_MAIN].count;
}

size_t keyspace_kept_bytes(const struct keyspace *ks) {
    return ks->queues[KNOWN_SMALL].bytes + ks->queues[KNOWN_MAIN].bytes + ks->ghost_bytes;
}

size_t keyspace_mirrored_bytes(const struct keyspace *ks) {
    return ks->queues[KNOWN_MIRRORED].bytes + ks->queues[KNOWN_TOMBS].bytes;
}

bool keyspace_can_mirror(const struct keyspace *ks, const struct known *old, size_t footprint) {
    size_t bytes = keyspace_mirrored_bytes(ks) + footprint;

    if (old != NULL && known_is_mirrored(old)) {
        bytes -= known_bytes(old);
    }
    return bytes <= ks->config.mirror_memory;
}

/* --- who goes --- */

/* An entry that returns so soon after it went would have been found, had its queue been a little longer. */
static void adapt(struct keyspace *ks, const struct ghost_memory *memory, size_t footprint) {
    size_t step = footprint / SMALL_STEP;
    size_t least = ks->config.memory / SMALL_SHARE_LEAST;
    size_t most = ks->config.memory / SMALL_SHARE_MOST;

    if (memory->age > kept_count(ks) / FRESH_SHARE) {
        return;
    }
    if (memory->queue == GHOST_SMALL) {
        ks->small_target = ks->small_target + step < most ? ks->small_target + step : most;
    } else {
        ks->small_target = ks->small_target > least + step ? ks->small_target - step : least;
    }
}

enum known_place keyspace_choose_place(struct keyspace *ks, uint64_t hash, size_t footprint) {
    struct ghost_memory memory;

    if (!ghost_recall(&ks->ghost, hash, &memory)) {
        return KNOWN_SMALL;
    }
    adapt(ks, &memory, footprint);
    return memory.queue == GHOST_SMALL && memory.age <= kept_count(ks) ? KNOWN_MAIN : KNOWN_SMALL;
}

static size_t ghost_bytes_of(size_t sets) {
    return sets * GHOST_WAYS * GHOST_SLOT_SIZE;
}

/* The ghost remembers as many keys as there are, if it can; it is made when the first one goes, and anew when it has become
 * too small. Without memory it stays as it is. */
static void fit_ghost(struct keyspace *ks) {
    size_t most = ks->config.memory / GHOST_MEMORY_SHARE;
    size_t sets = 1;
    void *memory;

    while (sets * GHOST_WAYS < kept_count(ks) && ghost_bytes_of(sets * 2) <= most) {
        sets *= 2;
    }
    if (sets <= ks->ghost.sets || ghost_bytes_of(sets) > most) {
        return;
    }
    memory = calloc(sets * GHOST_WAYS, GHOST_SLOT_SIZE);
    if (memory == NULL) {
        return;
    }
    free(ks->ghost_memory);
    ks->ghost_memory = memory;
    ks->ghost_bytes = ghost_bytes_of(sets);
    ghost_use(&ks->ghost, memory, sets);
}

static struct known *oldest_of(const struct keyspace *ks, enum known_place place) {
    struct known_link *link = ks->queues[place].oldest;

    return link == NULL ? NULL : known_of_link(link);
}

/* The oldest entry of the queue that is due; `held` only if there is no other. */
static struct known *choose_victim(struct keyspace *ks, const struct known *held) {
    bool small = ks->queues[KNOWN_SMALL].bytes > ks->small_target || ks->queues[KNOWN_MAIN].count == 0;
    const enum known_place order[] = {small ? KNOWN_SMALL : KNOWN_MAIN, small ? KNOWN_MAIN : KNOWN_SMALL};
    struct known *last = NULL;

    for (int i = 0; i < 2; i++) {
        struct known *k = oldest_of(ks, order[i]);

        if (k != NULL && k == held && ks->queues[order[i]].count > 1) {
            keyspace_requeue(ks, k, order[i]);
            k = oldest_of(ks, order[i]);
        }
        if (k != NULL && k != held) {
            return k;
        }
        last = k != NULL ? k : last;
    }
    return last;
}

/* Whether the entry was used enough to stay; it then moves to the newest end of the main queue. */
static bool spare(struct keyspace *ks, struct known *k) {
    unsigned used = atomic_load_explicit(&k->used, memory_order_relaxed);

    if (used == 0) {
        return false;
    }
    used = k->place == KNOWN_SMALL ? 0 : used - 1;
    atomic_store_explicit(&k->used, (unsigned char)used, memory_order_relaxed);
    keyspace_requeue(ks, k, KNOWN_MAIN);
    return true;
}

static void evict(struct keyspace *ks, struct known *k) {
    uint64_t hash = hash_key(known_key(k), ks->config.seed);

    ghost_add(&ks->ghost, hash, k->place == KNOWN_SMALL ? GHOST_SMALL : GHOST_MAIN);
    keyspace_remove(ks, hash, k);
    keyspace_count(&ks->evictions);
}

static bool is_full(const struct keyspace *ks) {
    return keyspace_kept_bytes(ks) > ks->config.memory;
}

bool keyspace_make_room(struct keyspace *ks, const struct known *held) {
    unsigned spared = 0;
    bool fits = true;

    if (!is_full(ks)) {
        return true;
    }
    fit_ghost(ks);
    while (fits && is_full(ks)) {
        unsigned evicted = 0;

        pthread_rwlock_wrlock(&ks->lock);
        while (fits && evicted < EVICTED_AT_ONCE && is_full(ks)) {
            struct known *k = choose_victim(ks, held);

            fits = k != NULL && k != held;
            if (fits && spared < SPARED_MOST && spare(ks, k)) {
                spared++;
            } else if (fits) {
                evict(ks, k);
                evicted++;
            }
        }
        pthread_rwlock_unlock(&ks->lock);
    }
    return fits;
}
