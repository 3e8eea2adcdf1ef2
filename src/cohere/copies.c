/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/copies.h"

#include <stdlib.h>

#include "cache/walk.h"

enum { HASH_BITS = 64, FENCE_SHIFT = HASH_BITS - __builtin_ctz(COPIES_FENCES) };

/* A key's place: its shard, locked, its fence and its copy. */
struct place {
    struct shard *shard;
    int64_t *fence;
    struct entry *copy; /* NULL: none */
    uint64_t hash;
};

enum larder_error copies_init(struct copies *c, struct table *table) {
    assert(table->shard_count <= COPIES_FENCES);
    c->table = table;
    atomic_init(&c->era, 0);
    c->fences = calloc(COPIES_FENCES, sizeof(*c->fences));
    return c->fences != NULL ? LARDER_OK : LARDER_ERROR_NO_MEMORY;
}

void copies_fini(struct copies *c) {
    free(c->fences);
    c->fences = NULL;
}

bool copies_takes(struct slice key) {
    return key.size <= REQUEST_KEY_MAX;
}

static struct place place_lock(const struct copies *c, struct slice key, uint32_t now) {
    struct place p = {.hash = table_hash(c->table, key)};

    assert(copies_takes(key));
    p.shard = table_lock(c->table, p.hash);
    p.fence = &c->fences[p.hash >> FENCE_SHIFT];
    p.copy = shard_find(p.shard, p.hash, key, now, NULL);
    return p;
}

static void place_unlock(struct place *p) {
    table_unlock(p->shard);
}

static void raise_fence(struct place *p, int64_t revision) {
    if (*p->fence < revision) {
        *p->fence = revision;
    }
}

static bool is_older(const struct entry *copy, int64_t revision) {
    return copy != NULL && (int64_t)copy->cas < revision;
}

static void remove_copy(struct place *p) {
    if (p->copy != NULL) {
        shard_remove(p->shard, p->hash, p->copy);
        p->copy = NULL;
    }
}

/* Writes the value over what there is. Without room for it the key has no copy. */
static void write_copy(struct place *p, struct slice key, const struct copies_value *value, uint32_t now) {
    const struct shard_put put = {
        .value_size = (uint32_t)value->value.size,
        .expires = ENTRY_NEVER,
        .client_flags = value->client_flags,
        .group = value->group,
    };
    bool replaced = p->copy != NULL;
    unsigned frequency = replaced ? entry_frequency(p->copy) : 0;
    struct entry *e = shard_put(p->shard, p->hash, key, &put, now);

    if (e == NULL) {
        p->copy = shard_find(p->shard, p->hash, key, now, NULL);
        remove_copy(p);
        return;
    }
    p->copy = e;
    e->cas = (uint64_t)value->mod_revision;
    if (value->value.size > 0) {
        memcpy(entry_value(e), value->value.data, value->value.size);
    }
    if (replaced) {
        entry_set_frequency(e, frequency); /* a write by whoever it was is no use here */
    }
    entry_set_bits(e, (value->leased ? ENTRY_LEASED : 0) | (value->read ? ENTRY_FETCHED : 0));
}

void copies_put(struct copies *c, struct slice key, const struct copies_value *value, uint32_t now) {
    struct place p = place_lock(c, key, now);

    raise_fence(&p, value->mod_revision);
    if (is_older(p.copy, value->mod_revision)) {
        if (shard_is_large(p.shard, entry_size_for(key.size, value->value.size))) {
            remove_copy(&p);
        } else {
            write_copy(&p, key, value, now);
        }
    }
    place_unlock(&p);
}

static bool is_of_now(const struct copies *c, const struct copies_found *found) {
    return found->era == copies_era(c);
}

/* The key was not there as of `revision`. */
static void take_absence(struct place *p, int64_t revision) {
    raise_fence(p, revision);
    if (is_older(p->copy, revision)) {
        remove_copy(p);
    }
}

void copies_delete(struct copies *c, struct slice key, int64_t revision, uint32_t now) {
    struct place p = place_lock(c, key, now);

    take_absence(&p, revision);
    place_unlock(&p);
}

void copies_fill(struct copies *c, struct slice key, const struct copies_value *value, const struct copies_found *found,
                 uint32_t now) {
    struct place p = place_lock(c, key, now);
    bool late = *p.fence > found->revision;

    assert(value->mod_revision <= found->revision);
    if (is_of_now(c, found)) {
        raise_fence(&p, value->mod_revision);
        if (late) {
            if (is_older(p.copy, value->mod_revision)) {
                remove_copy(&p);
            }
        } else if (p.copy == NULL || is_older(p.copy, value->mod_revision)) {
            write_copy(&p, key, value, now);
        }
    }
    place_unlock(&p);
}

void copies_fill_none(struct copies *c, struct slice key, const struct copies_found *found, uint32_t now) {
    struct place p = place_lock(c, key, now);

    if (is_of_now(c, found)) {
        take_absence(&p, found->revision);
    }
    place_unlock(&p);
}

bool copies_drop(struct copies *c, struct slice key, int64_t mod_revision, uint32_t now) {
    struct place p = place_lock(c, key, now);
    bool found = p.copy != NULL && (int64_t)p.copy->cas == mod_revision;

    if (found) {
        remove_copy(&p);
    }
    place_unlock(&p);
    return found;
}

/* Lets the fences down that the shard's lock guards. */
static void reset_fences(struct copies *c, unsigned shard) {
    size_t count = COPIES_FENCES / c->table->shard_count;

    pthread_mutex_lock(&c->table->shards[shard].lock);
    memset(&c->fences[shard * count], 0, count * sizeof(*c->fences));
    table_unlock(&c->table->shards[shard]);
}

void copies_reset(struct copies *c, bool (*is_copy)(void *ctx, struct entry *e), void *ctx) {
    struct table_walk walk = {0};

    atomic_fetch_add(&c->era, 1);
    for (unsigned i = 0; i < c->table->shard_count; i++) {
        reset_fences(c, i);
    }
    while (table_purge_step(c->table, &walk, is_copy, ctx)) {
    }
}
