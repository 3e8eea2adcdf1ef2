/* SPDX-License-Identifier: Apache-2.0 */
#include "nodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

enum { NAME_MAX_SIZE = 48 };

struct named {
    struct slice name;
    uint32_t id;
};

static int compare(const void *left, const void *right) {
    return slice_compare(((const struct named *)left)->name, ((const struct named *)right)->name);
}

static struct slice name_of(unsigned round, uint32_t id) {
    char *name = need(NAME_MAX_SIZE);

    return slice_make(name, (size_t)snprintf(name, NAME_MAX_SIZE, "cache-%" PRIu32 ".site-%u.example", id, round));
}

void nodes_make(unsigned round, size_t count, uint32_t without, struct nodes *ret_nodes) {
    struct named *named = need(count * sizeof(*named));
    size_t kept = 0;

    for (uint32_t id = 0; id < count; id++) {
        if (id != without) {
            named[kept++] = (struct named){name_of(round, id), id};
        }
    }
    qsort(named, kept, sizeof(*named), compare);
    *ret_nodes = (struct nodes){
        .count = kept,
        .names = need(kept * sizeof(struct slice)),
        .hashes = need(kept * sizeof(uint64_t)),
        .ids = need(kept * sizeof(uint32_t)),
    };
    for (size_t i = 0; i < kept; i++) {
        ret_nodes->names[i] = named[i].name;
        ret_nodes->hashes[i] = XXH3_64bits(named[i].name.data, named[i].name.size);
        ret_nodes->ids[i] = named[i].id;
    }
    free(named);
}

void nodes_fini(struct nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++) {
        free((char *)(uintptr_t)nodes->names[i].data);
    }
    free(nodes->names);
    free(nodes->hashes);
    free(nodes->ids);
}
