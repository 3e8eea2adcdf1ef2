/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/hash.h"
#include "cohere/keyspace_internal.h"

/* --- life --- */

static void init_lock(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t attributes;

    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

struct keyspace *keyspace_new(const struct keyspace_config *config) {
    struct keyspace *ks = calloc(1, sizeof(*ks));

    if (ks == NULL) {
        return NULL;
    }
    if (!known_index_init(&ks->index, config->seed)) {
        free(ks);
        return NULL;
    }
    ks->config = *config;
    key_tree_init(&ks->order);
    ghost_init(&ks->ghost);
    keyspace_room_init(ks);
    init_lock(&ks->lock);
    return ks;
}

void keyspace_free(struct keyspace *ks) {
    if (ks == NULL) {
        return;
    }
    key_tree_fini(&ks->order, known_free_key);
    known_index_fini(&ks->index);
    free(ks->ghost_memory);
    pthread_rwlock_destroy(&ks->lock);
    free(ks);
}

/* --- looks --- */

void keyspace_lock(struct keyspace *ks) {
    pthread_rwlock_rdlock(&ks->lock);
}

void keyspace_unlock(struct keyspace *ks) {
    pthread_rwlock_unlock(&ks->lock);
}

enum keyspace_found keyspace_find(struct keyspace *ks, struct slice key, struct kv *ret_kv) {
    struct known *k = known_index_find(&ks->index, hash_key(key, ks->config.seed), key);

    if (k == NULL) {
        return KEYSPACE_UNKNOWN;
    }
    known_use(k);
    if (ret_kv != NULL) {
        if (k->present) {
            known_get(k, ret_kv);
        } else {
            *ret_kv = (struct kv){.mod_revision = k->mod_revision};
        }
    }
    return k->present ? KEYSPACE_PRESENT : KEYSPACE_ABSENT;
}

enum keyspace_found keyspace_seek(struct keyspace *ks, struct slice from, struct kv *ret_kv) {
    struct key_place place = key_tree_seek(&ks->order, from);
    const struct known *k = known_of_key(key_tree_next(&place));

    if (k == NULL) {
        return KEYSPACE_UNKNOWN;
    }
    known_get(k, ret_kv);
    return k->present ? KEYSPACE_PRESENT : KEYSPACE_ABSENT;
}

/* --- figures --- */

static void store_figure(_Atomic uint64_t *figure, uint64_t value) {
    atomic_store_explicit(figure, value, memory_order_relaxed);
}

static uint64_t load_figure(const _Atomic uint64_t *figure) {
    return atomic_load_explicit(figure, memory_order_relaxed);
}

void keyspace_publish(struct keyspace *ks) {
    size_t mirrored = keyspace_mirrored_bytes(ks);

    store_figure(&ks->keys, ks->index.count);
    store_figure(&ks->mirrored, ks->queues[KNOWN_MIRRORED].count + ks->queues[KNOWN_TOMBS].count);
    store_figure(&ks->bytes, keyspace_kept_bytes(ks) + mirrored);
    store_figure(&ks->mirrored_bytes, mirrored);
}

void keyspace_get_figures(struct keyspace *ks, struct keyspace_figures *ret_figures) {
    *ret_figures = (struct keyspace_figures){
        .keys = load_figure(&ks->keys),
        .mirrored = load_figure(&ks->mirrored),
        .bytes = load_figure(&ks->bytes),
        .mirrored_bytes = load_figure(&ks->mirrored_bytes),
        .evictions = load_figure(&ks->evictions),
        .refusals = load_figure(&ks->refusals),
    };
}
