/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/key_entry.h"

#include <stdlib.h>
#include <string.h>

struct key_entry *key_entry_new(struct slice key) {
    struct key_entry *e = malloc(sizeof(*e) + key.size);

    if (e == NULL) {
        return NULL;
    }
    *e = (struct key_entry){.versions = &e->one, .capacity = 1, .key.size = (uint32_t)key.size};
    memcpy(e->key.bytes, key.data, key.size);
    return e;
}

static void free_versions(struct key_entry *e) {
    if (e->versions != &e->one) {
        free(e->versions);
    }
}

void key_entry_free(struct key_entry *e) {
    free_versions(e);
    free(e);
}

bool key_entry_reserve(struct key_entry *e) {
    uint32_t capacity = e->capacity * 2;
    struct version *grown;

    if (e->count < e->capacity) {
        return true;
    }
    grown = malloc(capacity * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    memcpy(grown, e->versions, e->count * sizeof(*grown));
    free_versions(e);
    e->versions = grown;
    e->capacity = capacity;
    return true;
}

void key_entry_push(struct key_entry *e, const struct version *v) {
    e->versions[e->count++] = *v;
}

const struct version *key_entry_find(const struct key_entry *e, int64_t revision) {
    uint32_t low = 0;
    uint32_t high = e->count;

    /* Nearly all look for the newest. */
    if (high > 0 && e->versions[high - 1].mod <= revision) {
        return &e->versions[high - 1];
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (e->versions[middle].mod <= revision) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? &e->versions[low - 1] : NULL;
}

void key_entry_undo(struct key_entry *e, int64_t revision) {
    while (e->count > 0 && e->versions[e->count - 1].mod > revision) {
        e->count--;
    }
}

/* Gives memory back to a key that was busy once. */
static void shrink(struct key_entry *e) {
    struct version *smaller;

    if (e->versions == &e->one || e->count > e->capacity / 4) {
        return;
    }
    if (e->count <= 1) {
        e->one = e->versions[0];
        free(e->versions);
        e->versions = &e->one;
        e->capacity = 1;
        return;
    }
    smaller = realloc(e->versions, e->capacity / 2 * sizeof(*smaller));
    if (smaller != NULL) {
        e->versions = smaller;
        e->capacity /= 2;
    }
}

void key_entry_forget(struct key_entry *e, uint32_t count) {
    e->count -= count;
    memmove(e->versions, e->versions + count, e->count * sizeof(*e->versions));
    shrink(e);
}

uint32_t key_entry_obsolete(const struct key_entry *e, int64_t revision) {
    const struct version *kept = key_entry_find(e, revision);
    uint32_t count;

    if (kept == NULL) {
        return 0;
    }
    count = (uint32_t)(kept - e->versions);
    return kept->number == 0 && kept->mod < revision ? count + 1 : count;
}
