/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_RING_HELPER_H
#define LARDER_TESTS_UNIT_RING_HELPER_H

/* Records of nodes, as a store has them. Include after cmocka.h. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "model/kv.h"
#include "ring/membership.h"

#define PREFIX SLICE("/larder/c/nodes/")

enum { RECORD_TEXT_MAX = 256 };

/* A key and its value, in its own memory. */
struct told {
    char key[RECORD_TEXT_MAX];
    char value[RECORD_TEXT_MAX];
};

/* The record of a node that serves, or leaves, by algorithm 1. */
static inline struct kv record(struct told *place, const char *id, int64_t created, int64_t modified, bool leaving) {
    int key = snprintf(place->key, sizeof(place->key), "/larder/c/nodes/%s", id);
    int value = snprintf(place->value, sizeof(place->value),
                         "{\"id\":\"%s\",\"address\":\"%s.example:11211\",\"ring\":1,\"state\":\"%s\"}", id, id,
                         leaving ? "leaving" : "serving");

    assert_true(key < RECORD_TEXT_MAX && value < RECORD_TEXT_MAX);
    return (struct kv){
        .key = slice_make(place->key, (size_t)key),
        .value = slice_make(place->value, (size_t)value),
        .create_revision = created,
        .mod_revision = modified,
        .lease = 1,
    };
}

static inline struct kv_event put(struct told *place, const char *id, int64_t created, int64_t modified) {
    return (struct kv_event){.kind = KV_EVENT_PUT, .kv = record(place, id, created, modified, false)};
}

static inline struct kv_event gone(struct told *place, const char *id, int64_t modified) {
    struct kv kv = record(place, id, 0, modified, false);

    return (struct kv_event){.kind = KV_EVENT_DELETE, .kv = {.key = kv.key, .mod_revision = modified}};
}

/* The ids, parted by spaces; of one that leaves with a '-' behind it. */
static inline const char *ids_of(const struct membership *m) {
    static char text[4096];
    size_t size = 0;

    text[0] = '\0';
    for (size_t i = 0; i < m->count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s%s", i == 0 ? "" : " ",
                                 (int)m->members[i].id.size, m->members[i].id.data, m->members[i].leaving ? "-" : "");
        assert_true(size < sizeof(text));
    }
    return text;
}

#endif
