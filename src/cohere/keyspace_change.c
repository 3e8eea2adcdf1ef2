/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "cohere/keyspace_internal.h"

/* --- one key --- */

/* Memory in the index and the tree for one more key. */
static bool reserve(struct keyspace *ks, uint64_t hash) {
    bool room = known_index_has_room(&ks->index, hash);

    if (!room) {
        pthread_rwlock_wrlock(&ks->lock);
        room = known_index_reserve(&ks->index, hash);
        pthread_rwlock_unlock(&ks->lock);
    }
    return room && key_tree_reserve(&ks->order);
}

static void forget(struct keyspace *ks, uint64_t hash, struct known *k) {
    pthread_rwlock_wrlock(&ks->lock);
    keyspace_remove(ks, hash, k);
    pthread_rwlock_unlock(&ks->lock);
}

static void overwrite(struct keyspace *ks, struct known *k, const struct kv *kv, bool present) {
    pthread_rwlock_wrlock(&ks->lock);
    known_set(k, kv);
    k->present = present;
    pthread_rwlock_unlock(&ks->lock);
}

/* Makes a new entry, in the place of `old` if there is one. NULL: out of memory, and all is as it was. */
static struct known *enter(struct keyspace *ks, uint64_t hash, struct known *old, const struct kv *kv, bool present,
                           enum known_place place) {
    struct known *k = known_new(kv, place);

    if (k == NULL) {
        return NULL;
    }
    k->present = present;
    if (old != NULL) {
        atomic_init(&k->used, atomic_load_explicit(&old->used, memory_order_relaxed));
    }
    pthread_rwlock_wrlock(&ks->lock);
    if (old != NULL) {
        keyspace_swap(ks, hash, old, k);
    } else {
        keyspace_add(ks, hash, k);
    }
    pthread_rwlock_unlock(&ks->lock);
    return k;
}

/* Makes the key known as `kv`, in that place. False: there is no room; `old` may be gone then. */
static bool install(struct keyspace *ks, uint64_t hash, struct known *old, const struct kv *kv, bool present,
                    enum known_place place) {
    bool mirrored = place >= KNOWN_TOMBS;
    size_t footprint = known_footprint(kv->key.size, kv->value.size, place != KNOWN_MIRRORED);
    struct known *k;

    if (old != NULL && old->place == place && known_bytes(old) == footprint) {
        overwrite(ks, old, kv, present);
        return true;
    }
    if (!mirrored && footprint > ks->config.memory) {
        return false; /* all others would go in vain */
    }
    if (old == NULL && !reserve(ks, hash)) {
        return false;
    }
    if (mirrored && !keyspace_can_mirror(ks, old, footprint)) {
        return false;
    }
    k = enter(ks, hash, old, kv, present, place);
    if (k == NULL) {
        return false;
    }
    if (!keyspace_make_room(ks, mirrored ? NULL : k) && !mirrored) {
        forget(ks, hash, k);
        return false;
    }
    return true;
}

static enum known_place place_for(struct keyspace *ks, uint64_t hash, const struct known *old, const struct kv *kv,
                                  bool present, bool mirror) {
    if (mirror || (old != NULL && known_is_mirrored(old))) {
        return present ? KNOWN_MIRRORED : KNOWN_TOMBS;
    }
    if (old != NULL) {
        return (enum known_place)old->place;
    }
    return keyspace_choose_place(ks, hash, known_footprint(kv->key.size, kv->value.size, true));
}

/* What is known for an older revision must not stay. */
static bool refuse(struct keyspace *ks, uint64_t hash, struct slice key, int64_t revision) {
    struct known *old = known_index_find(&ks->index, hash, key);

    if (old != NULL && old->mod_revision < revision) {
        forget(ks, hash, old);
    }
    keyspace_count(&ks->refusals);
    return false;
}

static bool take_in(struct keyspace *ks, const struct kv *kv, bool present, enum keyspace_make make) {
    uint64_t hash = hash_key(kv->key, ks->config.seed);
    struct known *old = known_index_find(&ks->index, hash, kv->key);
    bool mirror = make == KEYSPACE_MIRROR;
    struct kv newest = *kv;
    bool good;

    if (old == NULL && make == KEYSPACE_UPDATE) {
        return true;
    }
    if (old != NULL && old->mod_revision >= kv->mod_revision) {
        if (!mirror || known_is_mirrored(old)) {
            return true;
        }
        known_get(old, &newest);
        present = old->present;
    }
    good = newest.key.size <= KNOWN_SIZE_MAX && newest.value.size <= KNOWN_SIZE_MAX &&
           install(ks, hash, old, &newest, present, place_for(ks, hash, old, &newest, present, mirror));
    good = good || refuse(ks, hash, kv->key, kv->mod_revision);
    keyspace_publish(ks);
    return good;
}

bool keyspace_put(struct keyspace *ks, const struct kv *kv, enum keyspace_make make) {
    return take_in(ks, kv, true, make);
}

bool keyspace_absent(struct keyspace *ks, struct slice key, int64_t revision, enum keyspace_make make) {
    const struct kv kv = {.key = key, .mod_revision = revision};

    return take_in(ks, &kv, false, make);
}

void keyspace_drop(struct keyspace *ks, struct slice key) {
    uint64_t hash = hash_key(key, ks->config.seed);
    struct known *k = known_index_find(&ks->index, hash, key);

    if (k != NULL) {
        forget(ks, hash, k);
        keyspace_publish(ks);
    }
}
