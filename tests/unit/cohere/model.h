/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_COPIES_MODEL_H
#define LARDER_TESTS_COPIES_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cohere/copies.h"

/* What copies are made of, for a few keys: a value follows from its key and revision, so whatever is read can be checked.
 * The first keys share a fence. */
enum { MODEL_KEYS = 6, MODEL_SHARED = 3, MODEL_NOW = 100, MODEL_LARGE = 20000, MODEL_VALUE_MAX = MODEL_LARGE + 64 };

/* A state of a key: since which revision it is so, and whether the key is there. */
struct model_state {
    int64_t revision; /* 0: it never was there */
    bool present;
};

struct model {
    struct table table;
    struct copies copies;
    char keys[MODEL_KEYS][32];
    _Atomic uint64_t era; /* of the revisions: the same one means something else in another */
};

/* What a reader notes before it asks the store. */
static inline uint64_t model_asks(struct model *m) {
    return copies_era(&m->copies);
}

static inline void model_must(bool good) {
    if (!good) {
        abort();
    }
}

static inline struct slice model_key(const struct model *m, unsigned key) {
    return slice_from_string(m->keys[key]);
}

static inline uint64_t model_fence(const struct model *m, const char *key) {
    return table_hash(&m->table, slice_from_string(key)) / (UINT64_MAX / COPIES_FENCES + 1);
}

static inline void model_init(struct model *m, uint64_t memory, uint64_t seed) {
    const struct table_config config = {.memory = memory, .max_item = 64 << 10, .seed = seed};
    unsigned number = 0;

    memset(m, 0, sizeof(*m));
    model_must(table_init(&m->table, &config) == LARDER_OK);
    model_must(copies_init(&m->copies, &m->table) == LARDER_OK);
    for (unsigned i = 0; i < MODEL_KEYS; i++) {
        do {
            snprintf(m->keys[i], sizeof(m->keys[i]), "g/key%u", number++);
        } while (i > 0 && i < MODEL_SHARED && model_fence(m, m->keys[i]) != model_fence(m, m->keys[0]));
    }
}

static inline void model_fini(struct model *m) {
    copies_fini(&m->copies);
    table_fini(&m->table);
}

/* Every seventh value is large. */
static inline size_t model_value(uint64_t era, unsigned key, int64_t revision, char place[MODEL_VALUE_MAX]) {
    size_t size = (size_t)snprintf(place, 64, "%llu: %u at %lld", (unsigned long long)era, key, (long long)revision);

    if (revision % 7 == 0) {
        memset(place + size, '.', MODEL_LARGE);
        size += MODEL_LARGE;
    }
    return size;
}

static inline struct copies_value model_copy_of(uint64_t era, unsigned key, int64_t revision,
                                                char place[MODEL_VALUE_MAX]) {
    return (struct copies_value){
        .value = slice_make(place, model_value(era, key, revision, place)),
        .client_flags = (uint32_t)revision,
        .group = 1,
        .mod_revision = revision,
    };
}

/* The event that made this state. */
static inline void model_observe(struct model *m, unsigned key, struct model_state state) {
    char place[MODEL_VALUE_MAX];

    if (state.present) {
        const struct copies_value value = model_copy_of(m->era, key, state.revision, place);

        copies_put(&m->copies, model_key(m, key), &value, MODEL_NOW);
    } else {
        copies_delete(&m->copies, model_key(m, key), state.revision, MODEL_NOW);
    }
}

/* What a read of the store answers. */
struct model_answer {
    uint64_t asked; /* model_asks, before */
    uint64_t era;   /* of the store, when it answered */
    int64_t revision;
    struct model_state found; /* newer than `revision`, if it was told before its turn */
};

static inline void model_fill_answer(struct model *m, unsigned key, const struct model_answer *answer) {
    const struct model_state state = answer->found;
    const struct copies_found found = {
        .era = answer->asked,
        .revision = state.revision > answer->revision ? state.revision : answer->revision,
    };
    char place[MODEL_VALUE_MAX];

    if (state.present) {
        const struct copies_value value = model_copy_of(answer->era, key, state.revision, place);

        copies_fill(&m->copies, model_key(m, key), &value, &found, MODEL_NOW);
    } else {
        copies_fill_none(&m->copies, model_key(m, key), &found, MODEL_NOW);
    }
}

/* A read of the store found this state as of `revision`, just now. */
static inline void model_fill(struct model *m, unsigned key, struct model_state state, int64_t revision) {
    const struct model_answer answer = {.asked = model_asks(m), .era = m->era, .revision = revision, .found = state};

    model_fill_answer(m, key, &answer);
}

static inline bool model_is_copy(void *ctx, struct entry *e) {
    (void)ctx;
    return e->group == 1;
}

/* Revisions begin anew; nobody reads copies meanwhile. */
static inline void model_reset(struct model *m) {
    m->era++;
    copies_reset(&m->copies, model_is_copy, NULL);
}

/* The era of a copy, between these two, which must be as it is to be. */
static inline uint64_t model_check(unsigned key, struct entry *e, uint64_t oldest, uint64_t newest) {
    uint64_t era = strtoull(entry_value(e), NULL, 10);
    char place[MODEL_VALUE_MAX];

    model_must(era >= oldest && era <= newest && e->value_size == model_value(era, key, (int64_t)e->cas, place) &&
               memcmp(entry_value(e), place, e->value_size) == 0 && e->client_flags == (uint32_t)e->cas &&
               e->group == 1 && e->expires == ENTRY_NEVER);
    return era;
}

/* Looks for a copy that a read may be served from that began in the era `oldest`, when the newest revision that can be read
 * is *published. False: none. A copy that is not as it must be is an abort. */
static inline bool model_copy_since(struct model *m, unsigned key, _Atomic int64_t *published, uint64_t oldest,
                                    uint64_t *ret_era, int64_t *ret_revision) {
    uint64_t hash = table_hash(&m->table, model_key(m, key));
    struct shard *s = table_lock(&m->table, hash);
    struct entry *e = shard_find(s, hash, model_key(m, key), MODEL_NOW, NULL);
    bool found = e != NULL && (int64_t)e->cas <= atomic_load(published);

    if (found) {
        *ret_revision = (int64_t)e->cas;
        *ret_era = model_check(key, e, oldest, m->era);
        entry_read(e, MODEL_NOW);
    }
    table_unlock(s);
    return found;
}

/* The same, of this era. */
static inline bool model_copy(struct model *m, unsigned key, _Atomic int64_t *published, int64_t *ret_revision) {
    uint64_t era;

    return model_copy_since(m, key, published, m->era, &era, ret_revision);
}

static inline void model_evict(struct model *m, unsigned key) {
    uint64_t hash = table_hash(&m->table, model_key(m, key));
    struct shard *s = table_lock(&m->table, hash);
    struct entry *e = shard_find(s, hash, model_key(m, key), MODEL_NOW, NULL);

    if (e != NULL) {
        shard_remove(s, hash, e);
    }
    table_unlock(s);
}

#endif
