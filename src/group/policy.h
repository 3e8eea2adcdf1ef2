/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_POLICY_H
#define LARDER_GROUP_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "model/request.h"
#include "telemetry/worker.h"

enum {
    GROUP_DEFAULT = 0,                    /* the index of the group "default" */
    GROUP_MAX = TELEMETRY_GROUPS,         /* groups a node can have had in its life, "default" included */
    GROUP_NAME_MAX = 64,                  /* bytes */
    GROUP_SLOTS = 1024,                   /* of the set's hash table: a power of two, well above GROUP_MAX */
    GROUP_TTL_MAX = 10 * 365 * 24 * 3600, /* seconds: the longest ttl and max_ttl */
};

/* What a group decides. */
struct group_policy {
    char name[GROUP_NAME_MAX + 1];
    uint8_t name_size;
    bool declared;     /* false: an earlier configuration had it; it keeps its index and name and has no keys */
    unsigned index;    /* below GROUP_MAX; set by group_set_build */
    int64_t ttl;       /* seconds an entry lives when the client names no time; 0: for ever */
    int64_t max_ttl;   /* no entry lives longer; 0: no such limit */
    uint64_t max_item; /* bytes of key, value and overhead of the largest entry */
};

/* All groups of a node, immutable once built: any thread reads it without a lock for as long as it has not been freed.
 * Whoever swaps in a new one frees the old one when every reader has been told. */
struct group_set {
    unsigned count;    /* policies in use; policies[i].index is i */
    unsigned declared; /* named groups that may own keys; "default" is not counted */
    uint16_t slots[GROUP_SLOTS];
    struct group_policy policies[GROUP_MAX];
};

/* Why `name` cannot be a group's name, as a text for people ("is empty", ...), or NULL when it can. Static. */
const char *group_name_problem(struct slice name);

/* A policy that limits nothing but the entry's size. `name` passes group_name_problem. */
struct group_policy group_policy_make(struct slice name, uint64_t max_item);

/* Builds a set of `count` declared policies; one may be named "default", else that group is made, with `max_item`.
 * `previous` (or NULL) is the set that it shall replace: a name it knows, declared or not, keeps its index for the life
 * of the process, and new names get the next free ones; so an index means the same group in every set, metric and
 * connection. All or nothing: on an error ret_set is untouched. Errors: EXISTS (a name twice), LIMIT (more than
 * GROUP_MAX names over the node's life), NO_MEMORY. */
enum larder_error group_set_build(const struct group_policy *policies, size_t count, uint64_t max_item,
                                  const struct group_set *previous, struct group_set **ret_set);

/* NULL is allowed. */
void group_set_free(struct group_set *set);

/* The names by index, for metrics; borrowed from the set. Returns how many. */
size_t group_set_names(const struct group_set *set, struct slice ret_names[GROUP_MAX]);

/* Slow half of group_set_find. */
const struct group_policy *group_set_find_named(const struct group_set *set, struct slice key);

/* The group a key belongs to: that of the text before its first '/', if a group of this name is declared, else
 * "default". Never NULL; borrowed from the set. */
static inline const struct group_policy *group_set_find(const struct group_set *set, struct slice key) {
    return set->declared == 0 ? &set->policies[GROUP_DEFAULT] : group_set_find_named(set, key);
}

/* The life, in seconds, of an entry for which a client asked `ttl`: REQUEST_TTL_FOREVER when it named none, negative
 * when it is over already, as in struct request. Sets *ret_cut when max_ttl shortened what the client had named. */
int64_t group_policy_ttl(const struct group_policy *policy, int64_t ttl, bool *ret_cut);

#endif
