/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cluster/cluster_internal.h"

/* Room for all keys and texts: less than ten, each shorter than this. */
enum { KEYS = 16, KEY_MAX = 32 + CLUSTER_NAME_MAX + MEMBER_ADDRESS_MAX };

static struct slice add(char **at, const char *a, struct slice name, const char *b, struct slice rest) {
    const struct slice parts[] = {slice_from_string(a), name, slice_from_string(b), rest};
    char *begin = *at;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].size > 0) {
            memcpy(*at, parts[i].data, parts[i].size);
            *at += parts[i].size;
        }
    }
    return slice_make(begin, (size_t)(*at - begin));
}

static struct store_span add_prefix(char **at, struct slice name, const char *part) {
    struct store_span span;

    span.key = add(at, "/larder/", name, part, SLICE(""));
    span.range_end = add(at, "", span.key, "", SLICE(""));
    (*at)[-1]++;
    return span;
}

enum larder_error cluster_keys_make(struct cluster_keys *keys, const struct cluster_config *config) {
    char *at = malloc((size_t)KEYS * KEY_MAX);

    if (at == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    keys->bytes = at;
    keys->id = add(&at, "", config->id, "", SLICE(""));
    keys->address = add(&at, "", config->address, "", SLICE(""));
    keys->all = add_prefix(&at, config->name, "/");
    keys->nodes = add_prefix(&at, config->name, "/nodes/");
    keys->purges = add_prefix(&at, config->name, "/purges/");
    keys->applied = add_prefix(&at, config->name, "/applied/");
    keys->joined = add(&at, "/larder/", config->name, "/joined", SLICE(""));
    keys->own_node = add(&at, "", keys->nodes.key, "", keys->id);
    keys->own_applied = add(&at, "", keys->applied.key, "", keys->id);
    return LARDER_OK;
}
