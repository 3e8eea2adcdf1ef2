/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/known.h"

#include <stdlib.h>

/* glibc's malloc: a word for itself, in steps of two words, and no less than four. */
enum { MALLOC_HEAD = sizeof(size_t), MALLOC_STEP = 2 * sizeof(size_t), MALLOC_LEAST = 4 * sizeof(size_t) };

/* How much to ask malloc for: all that it gives anyway, so that what has the same footprint fits in the same memory. */
static size_t room_for(size_t key_size, size_t value_size, bool linked) {
    size_t size = offsetof(struct known, key.bytes) + key_size + value_size + (linked ? sizeof(struct known_link) : 0);

    size = (size + MALLOC_HEAD + MALLOC_STEP - 1) / MALLOC_STEP * MALLOC_STEP;
    return (size > MALLOC_LEAST ? size : MALLOC_LEAST) - MALLOC_HEAD;
}

size_t known_footprint(size_t key_size, size_t value_size, bool linked) {
    return room_for(key_size, value_size, linked) + MALLOC_HEAD + KNOWN_SHARE;
}

struct known *known_new(const struct kv *kv, enum known_place place) {
    bool linked = place != KNOWN_MIRRORED;
    char *memory = malloc(room_for(kv->key.size, kv->value.size, linked));
    struct known *k;

    if (memory == NULL) {
        return NULL;
    }
    k = (struct known *)(void *)(linked ? memory + sizeof(struct known_link) : memory);
    atomic_init(&k->used, 0);
    k->place = (uint8_t)place;
    k->key.size = (uint32_t)kv->key.size;
    memcpy(k->key.bytes, kv->key.data, kv->key.size);
    k->present = true;
    known_set(k, kv);
    return k;
}

void known_set(struct known *k, const struct kv *kv) {
    k->mod_revision = kv->mod_revision;
    k->create_revision = kv->create_revision;
    k->version = kv->version;
    k->lease = kv->lease;
    k->value_size = (uint32_t)kv->value.size;
    if (kv->value.size > 0) {
        memcpy(k->key.bytes + k->key.size, kv->value.data, kv->value.size);
    }
}

void known_get(const struct known *k, struct kv *ret_kv) {
    *ret_kv = (struct kv){
        .key = known_key(k),
        .value = known_value(k),
        .create_revision = k->create_revision,
        .mod_revision = k->mod_revision,
        .version = k->version,
        .lease = k->lease,
    };
}

void known_free(struct known *k) {
    if (k != NULL) {
        free(known_is_linked(k) ? (void *)known_link_of(k) : (void *)k);
    }
}
