/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_POLICY_H
#define LARDER_GROUP_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "model/freshness.h"
#include "model/request.h"
#include "origin/policy.h"
#include "telemetry/worker.h"

enum {
    GROUP_DEFAULT = 0,                    /* the index of the group "default" */
    GROUP_MAX = TELEMETRY_GROUPS,         /* groups a node can have had in its life, "default" included */
    GROUP_NAME_MAX = 64,                  /* bytes */
    GROUP_SLOTS = 1024,                   /* of the set's hash table: a power of two, well above GROUP_MAX */
    GROUP_TTL_MAX = 10 * 365 * 24 * 3600, /* seconds: the longest ttl and max_ttl */
    GROUP_PREFIX_MAX = 255,               /* bytes */
    GROUP_STORE_KEY_MAX = 64 << 10,       /* bytes of a key in the store that a group's key may become */
    GROUP_ORIGIN_URL_MAX = 512,           /* bytes */
    GROUP_ORIGIN_FIELDS_MAX = 16,         /* header fields that a group declares */
    GROUP_ORIGIN_FIELDS_SIZE = 512,       /* bytes of their names, with one more for each */
    GROUP_ORIGIN_CONNECTIONS_MAX = 4096,
    GROUP_ORIGIN_CA_MAX = 512, /* bytes of the name of a file, with its NUL */
};

/* How old a copy may be served once its age can no longer be proven; nanoseconds. */
#define GROUP_STALE_LIMIT_NS INT64_C(5000000000)

/* By default: how long an origin may take, and how many connections there are to it at most. */
#define GROUP_ORIGIN_TIMEOUT_NS INT64_C(30000000000)
enum { GROUP_ORIGIN_CONNECTIONS = 128 };

/* Where the truth of a group lives. */
enum group_backing {
    GROUP_BACKING_MEMORY, /* in this node's table and nowhere else */
    GROUP_BACKING_STORE,  /* in the durable store, under the group's prefix */
    GROUP_BACKING_ORIGIN, /* in an HTTP service, which is asked for what is not in the table */
};

struct groupcache_current;

/* What an origin group has besides. */
struct group_origin {
    uint16_t url_size;
    uint16_t fields_size;
    char url[GROUP_ORIGIN_URL_MAX]; /* that "/" and the rest of a key are put behind; it does not end in '/' itself */
    char fields[GROUP_ORIGIN_FIELDS_SIZE]; /* the declared header fields, a ',' behind each */
    char ca[GROUP_ORIGIN_CA_MAX];          /* a PEM file of the authorities of https; empty: the system's */
    struct origin_policy answers;          /* but for `declared`: see group_origin_policy */
    int64_t timeout_ns;                    /* of one request to the origin, all of it */
    unsigned connections;                  /* to the origin, of the whole node; at least one for each worker */
    /* The ring of a pool, as far as it was said; the daemon's. */
    bool pooled;        /* ring = groupcache */
    uint16_t replicas;  /* 0: not said */
    uint16_t self_size; /* 0: not said */
    char self[GROUP_ORIGIN_URL_MAX];
    char *peers;          /* a list of URLs, NUL-terminated, of whoever made the policy; NULL: not said, and in a set */
    uint16_t prefix_size; /* 0: the pool is not one that is found in the store */
    char prefix[GROUP_PREFIX_MAX]; /* of the keys in the store whose values are the base URLs of the pool's members */
    struct groupcache_current
        *pool; /* of Go's groupcache, whose members have the keys; NULL: there is none. Counted: who
                                      * makes the policy owns a reference, and so does every set that has it. One that is
                                      * found in the store stays the same for the life of the process */
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
    enum group_backing backing;
    uint16_t prefix_size;
    char prefix[GROUP_PREFIX_MAX]; /* of its keys in the store, any bytes; has a meaning for a store group only */
    struct freshness freshness;    /* of a read that does not ask for another */
    int64_t stale_limit_ns;        /* `cached` answers are never older, provably; then reads are errors */
    bool near;                     /* of a store in a cluster: its keys may be kept in memory */
    bool mirror;                   /* likewise: all of them are */
    struct group_origin origin;    /* of an origin group */
    bool has_ttl;                  /* the ttl was said; in an origin group 0 is a ttl */
    bool overlapped;               /* another store group's prefix begins with this one's; set by group_set_build */
};

/* All groups of a node, immutable once built: any thread reads it without a lock for as long as it has not been freed.
 * Whoever swaps in a new one frees the old one when every reader has been told. */
struct group_set {
    unsigned count;    /* policies in use; policies[i].index is i */
    unsigned declared; /* named groups that may own keys; "default" is not counted */
    uint16_t slots[GROUP_SLOTS];
    struct group_policy policies[GROUP_MAX];
    unsigned store_count;          /* declared store groups */
    uint16_t by_prefix[GROUP_MAX]; /* their indexes, in the order of their prefixes */
    uint16_t
        enclosing[GROUP_MAX]; /* for each place of by_prefix, 1 + the place of the longest other prefix that this one
                                    * begins with; 0: none */
};

/* Why `name` cannot be a group's name, as a text for people ("is empty", ...), or NULL when it can. Static. */
const char *group_name_problem(struct slice name);

/* Whether it is the first part of paths over HTTP that are about the node, so that no group is called so. */
bool group_name_is_route(struct slice name);

/* Why no group may have this prefix in the store, as a text for people, or NULL when one may. Static. The empty prefix is
 * one: it is the whole store. */
const char *group_prefix_problem(struct slice prefix);

/* A policy that limits nothing but the entry's size: memory, `cached`, the prefix "<name>/" should it become a store
 * group's. `name` passes group_name_problem. */
struct group_policy group_policy_make(struct slice name, uint64_t max_item);

/* Builds a set of `count` declared policies; one may be named "default", else that group is made, with `max_item`.
 * `previous` (or NULL) is the set that it shall replace: a name it knows, declared or not, keeps its index for the life
 * of the process, and new names get the next free ones; so an index means the same group in every set, metric and
 * connection. All or nothing: on an error ret_set is untouched. Errors: EXISTS (a name twice, or a prefix of two store
 * groups), INVALID (a store group named "default", or whose prefix group_prefix_problem refuses), LIMIT (more than
 * GROUP_MAX names over the node's life), UNSUPPORTED (group_set_store_change has something to say), NO_MEMORY. */
enum larder_error group_set_build(const struct group_policy *policies, size_t count, uint64_t max_item,
                                  const struct group_set *previous, struct group_set **ret_set);

/* Which groups are origin groups, which store groups there are, their prefixes and what is kept of them, and which pools are
 * found in the store, holds for the life of the process: copies are kept, events told apart and watches opened by it. So: what
 * would change in it if these policies replaced `running`, as a text for people ("would have another prefix", ...; static),
 * with the name of the first such group, borrowed, in *ret_name; or NULL, with *ret_name as it was, when nothing would. */
const char *group_set_store_change(const struct group_set *running, const struct group_policy *policies, size_t count,
                                   const char **ret_name);

/* NULL is allowed. */
void group_set_free(struct group_set *set);

/* The names by index, for metrics; borrowed from the set. Returns how many. */
size_t group_set_names(const struct group_set *set, struct slice ret_names[GROUP_MAX]);

/* The declared group of this name; NULL: there is none. Borrowed from the set. */
const struct group_policy *group_set_find_by_name(const struct group_set *set, struct slice name);

/* Slow half of group_set_find. */
const struct group_policy *group_set_find_named(const struct group_set *set, struct slice key);

/* The group a key belongs to: that of the text before its first '/', if a group of this name is declared, else
 * "default". Never NULL; borrowed from the set. */
static inline const struct group_policy *group_set_find(const struct group_set *set, struct slice key) {
    return set->declared == 0 ? &set->policies[GROUP_DEFAULT] : group_set_find_named(set, key);
}

static inline struct slice group_policy_name(const struct group_policy *policy) {
    return slice_make(policy->name, policy->name_size);
}

static inline struct slice group_policy_prefix(const struct group_policy *policy) {
    return slice_make(policy->prefix, policy->prefix_size);
}

static inline struct slice group_pool_prefix(const struct group_policy *policy) {
    return slice_make(policy->origin.prefix, policy->origin.prefix_size);
}

static inline struct slice group_pool_self(const struct group_policy *policy) {
    return slice_make(policy->origin.self, policy->origin.self_size);
}

static inline bool group_policy_is_origin(const struct group_policy *policy) {
    return policy->backing == GROUP_BACKING_ORIGIN;
}

/* What the rules of origin/ need of an origin group. The names are put into `place`; both, and the policy, are borrowed. */
struct origin_policy group_origin_policy(const struct group_policy *policy,
                                         struct slice place[GROUP_ORIGIN_FIELDS_MAX]);

/* Why nothing can be loaded from this URL, as a text for people, or NULL when it can be tried. Static. */
const char *group_origin_url_problem(struct slice url);

static inline bool group_policy_is_store(const struct group_policy *policy) {
    return policy->backing == GROUP_BACKING_STORE;
}

/* --- keys of store groups: "g/rest" to clients is prefix + rest in the store --- */

/* The store key of `client_key`, which group_set_find gave to this store group. Written to `place`, which has room for
 * prefix_size + client_key.size bytes and does not overlap the key. "g/" alone is the prefix itself; so the store key is
 * empty only if the prefix is. */
struct slice group_store_key(const struct group_policy *policy, struct slice client_key, char *place);

/* The other way: the client key of a store key that begins with the group's prefix. Written to `place`, which has room
 * for name_size + 1 + store_key.size bytes and does not overlap the key. */
struct slice group_client_key(const struct group_policy *policy, struct slice store_key, char *place);

/* The store group that owns a store key: of those whose prefix it begins with, the one with the longest. NULL: none;
 * borrowed from the set. The answer is the same in every set of a node's life. */
const struct group_policy *group_set_find_by_store_key(const struct group_set *set, struct slice store_key);

/* Whether a store key is one of our own, which clients of memcached and HTTP may neither read nor write. Only a prefix
 * that "/larder/" begins with leads there, such as "/" or the empty one. */
static inline bool group_store_key_is_ours(struct slice store_key) {
    return slice_has_prefix(store_key, SLICE("/larder/"));
}

/* The life, in seconds, of an entry for which a client asked `ttl`: REQUEST_TTL_FOREVER when it named none, negative
 * when it is over already, as in struct request. Sets *ret_cut when max_ttl shortened what the client had named. */
int64_t group_policy_ttl(const struct group_policy *policy, int64_t ttl, bool *ret_cut);

#endif
