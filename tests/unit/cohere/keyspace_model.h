/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_KEYSPACE_MODEL_H
#define LARDER_TESTS_KEYSPACE_MODEL_H

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "cohere/keyspace.h"

/* A naive keyspace: a row of states. What a key is at a revision follows from both, so whatever is read can be checked. */
enum { MODEL_KEYS = 150, MODEL_KEY_MAX = 24, MODEL_VALUE_MAX = 400 };

struct model_state {
    int64_t revision; /* that it is known for; 0: nothing is known */
    bool present;
    bool mirrored;
};

struct model {
    struct model_state states[MODEL_KEYS];
    char keys[MODEL_KEYS][MODEL_KEY_MAX];
};

/* In their order, of different lengths; some begin with another one. */
static inline void model_init(struct model *m) {
    *m = (struct model){0};
    for (int i = 0; i < MODEL_KEYS; i++) {
        snprintf(m->keys[i], MODEL_KEY_MAX, "/k/%03d%.*s", i / 3, i % 3, "/z");
    }
}

static inline struct slice model_key(const struct model *m, size_t i) {
    return slice_from_string(m->keys[i]);
}

/* All its numbers are different for different revisions. */
static inline struct kv model_kv(struct slice key, int64_t revision, char place[MODEL_VALUE_MAX]) {
    size_t size = (size_t)(revision * 31 % (MODEL_VALUE_MAX - 40));
    size_t head = (size_t)snprintf(place, 40, "%08d %.*s", (int)(revision * 7919 % 15485863), (int)key.size, key.data);

    memset(place + head, '.', MODEL_VALUE_MAX - head);
    return (struct kv){
        .key = key,
        .value = slice_make(place, head + size),
        .create_revision = revision * 104729 % 15485863,
        .mod_revision = revision,
        .version = revision * 1299709 % 32452843,
        .lease = revision % 3,
    };
}

static inline bool model_kv_equal(const struct kv *a, const struct kv *b) {
    return slice_equal(a->key, b->key) && slice_equal(a->value, b->value) && a->create_revision == b->create_revision &&
           a->mod_revision == b->mod_revision && a->version == b->version && a->lease == b->lease;
}

/* Whether a look finds the key at `revision` as it must be. */
static inline bool model_matches(enum keyspace_found found, const struct kv *kv, struct slice key,
                                 const struct model_state *state) {
    char place[MODEL_VALUE_MAX];
    struct kv expected;

    if (state->revision == 0 || found == KEYSPACE_UNKNOWN) {
        return state->revision == 0 && found == KEYSPACE_UNKNOWN;
    }
    if (!state->present) {
        return found == KEYSPACE_ABSENT && kv->mod_revision == state->revision;
    }
    expected = model_kv(key, state->revision, place);
    return found == KEYSPACE_PRESENT && model_kv_equal(kv, &expected);
}

/* What a change makes of a state. */
static inline void model_take_in(struct model_state *state, int64_t revision, bool present, enum keyspace_make make) {
    if (make == KEYSPACE_UPDATE && state->revision == 0) {
        return;
    }
    if (revision > state->revision) {
        state->revision = revision;
        state->present = present;
    }
    state->mirrored = state->mirrored || make == KEYSPACE_MIRROR;
}

static inline bool model_apply(struct keyspace *ks, struct slice key, int64_t revision, bool present,
                               enum keyspace_make make) {
    char place[MODEL_VALUE_MAX];
    const struct kv kv = model_kv(key, revision, place);

    return present ? keyspace_put(ks, &kv, make) : keyspace_absent(ks, key, revision, make);
}

#endif
