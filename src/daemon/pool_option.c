/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pool_option.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/option_value.h"
#include "proto/http/chars.h"
#include "ring/groupcache_current.h"

static void set_ring(struct group_origin *origin, const struct ini_line *line, struct place place,
                     struct diagnostics *d) {
    static const char *const words[] = {"larder", "groupcache"};
    size_t index;

    if (option_read_choice("ring", line->value, words, 2, place, d, &index)) {
        origin->pooled = index == 1;
    }
}

static void set_replicas(struct group_origin *origin, const struct ini_line *line, struct place place,
                         struct diagnostics *d) {
    uint64_t count;

    if (option_read_count("replicas", line->value, 1, GROUPCACHE_RING_REPLICAS_MAX, place, d, &count)) {
        origin->replicas = (uint16_t)count;
    }
}

static bool check_url(const char *name, struct slice url, struct place place, struct diagnostics *d) {
    const char *problem = groupcache_peer_problem(url);
    char escaped[SLICE_ESCAPED_MAX];

    if (problem != NULL) {
        diagnostics_mistake(d, place, "%s: \"%s\" %s", name, slice_escape(url, escaped), problem);
    }
    return problem == NULL;
}

static void set_self(struct group_origin *origin, const struct ini_line *line, struct place place,
                     struct diagnostics *d) {
    _Static_assert(sizeof(origin->self) >= GROUPCACHE_PEER_URL_MAX, "any good URL fits");

    if (check_url("self", line->value, place, d)) {
        memcpy(origin->self, line->value.data, line->value.size);
        origin->self_size = (uint16_t)line->value.size;
    }
}

/* Where in the store the members are found. */
static void set_prefix(struct group_origin *origin, struct slice prefix, struct place place, struct diagnostics *d) {
    if (prefix.size < 2 || prefix.data[prefix.size - 1] != '/' || prefix.size > sizeof(origin->prefix)) {
        diagnostics_mistake(
            d, place, "peers: a prefix of the store has a '/' at both ends and at most %d bytes, as /imgcache/nodes/",
            (int)sizeof(origin->prefix));
    } else if (group_store_key_is_ours(prefix)) {
        diagnostics_mistake(d, place, "peers: what begins with /larder/ is kept for Larder itself");
    } else {
        memcpy(origin->prefix, prefix.data, prefix.size);
        origin->prefix_size = (uint16_t)prefix.size;
    }
}

static void set_peers(struct group_origin *origin, const struct ini_line *line, struct place place,
                      struct diagnostics *d) {
    struct slice list = line->value;
    struct slice url;
    size_t count = 0;

    if (slice_has_prefix(list, SLICE("/"))) {
        set_prefix(origin, list, place, d);
        return;
    }
    while (http_list_next(&list, &url)) {
        if (!check_url("peers", url, place, d)) {
            return;
        }
        count++;
    }
    if (count == 0 || count > GROUPCACHE_RING_PEERS_MAX) {
        diagnostics_mistake(d, place, "peers has no URL, or more than %d", (int)GROUPCACHE_RING_PEERS_MAX);
        return;
    }
    origin->peers = strndup(line->value.data, line->value.size);
    if (origin->peers == NULL) {
        diagnostics_mistake(d, place, "there is no memory for peers");
    }
}

void pool_option_set(struct group_policy *policy, enum group_option option, const struct ini_line *line,
                     struct place place, struct diagnostics *d) {
    switch (option) {
    case GROUP_OPTION_RING:
        set_ring(&policy->origin, line, place, d);
        break;
    case GROUP_OPTION_REPLICAS:
        set_replicas(&policy->origin, line, place, d);
        break;
    case GROUP_OPTION_SELF:
        set_self(&policy->origin, line, place, d);
        break;
    case GROUP_OPTION_PEERS:
        set_peers(&policy->origin, line, place, d);
        break;
    default:
        break;
    }
}

const char *pool_option_set_in(const struct group_policy *group) {
    const struct group_origin *origin = &group->origin;

    if (origin->replicas != 0) {
        return "replicas";
    }
    if (origin->self_size != 0) {
        return "self";
    }
    return origin->peers != NULL || origin->prefix_size > 0 ? "peers" : NULL;
}

/* The pool of the URLs that were listed; the caller owns a reference. */
static enum larder_error configure(const struct group_origin *origin, struct groupcache_pool **ret_pool) {
    struct slice *urls = calloc(GROUPCACHE_RING_PEERS_MAX, sizeof(*urls));
    struct slice list = slice_from_string(origin->peers);
    enum larder_error error = LARDER_ERROR_NO_MEMORY;
    struct groupcache_refused refused = {0};
    size_t count = 0;

    if (urls != NULL) {
        while (count < GROUPCACHE_RING_PEERS_MAX && http_list_next(&list, &urls[count])) {
            count++;
        }
        error = groupcache_pool_configure(urls, count, slice_make(origin->self, origin->self_size), origin->replicas,
                                          ret_pool, &refused);
    }
    free(urls);
    return error;
}

static void make_pool(struct group_policy *group, struct place place, struct diagnostics *d) {
    struct group_origin *origin = &group->origin;
    struct groupcache_pool *pool = NULL; /* of a prefix: what stands there will be read */
    enum larder_error error = LARDER_OK;

    origin->replicas = origin->replicas != 0 ? origin->replicas : GROUPCACHE_RING_REPLICAS;
    if (origin->prefix_size == 0) {
        error = configure(origin, &pool);
    }
    if (error == LARDER_OK) {
        error = groupcache_current_new(pool, &origin->pool);
    }
    if (error != LARDER_OK) {
        diagnostics_mistake(d, place, "group \"%s\": its pool cannot be made: %s", group->name,
                            larder_error_text(error));
        groupcache_pool_unref(pool);
    }
}

void pool_group_settle(const struct options *o, struct group_policy *group, struct place place, struct diagnostics *d) {
    const struct group_origin *origin = &group->origin;
    const char *option = pool_option_set_in(group);

    if (!origin->pooled) {
        if (option != NULL) {
            diagnostics_mistake(d, place, "group \"%s\": %s is of no use without ring = groupcache", group->name,
                                option);
        }
    } else if (o->cluster != NULL) {
        diagnostics_mistake(
            d, place,
            "group \"%s\": ring = groupcache does not go with cluster yet: its keys would have an owner "
            "in each of two rings",
            group->name);
    } else if (origin->self_size == 0 || (origin->peers == NULL && origin->prefix_size == 0)) {
        diagnostics_mistake(d, place, "group \"%s\": ring = groupcache needs %s", group->name,
                            origin->self_size == 0 ? "self = http://HOST:PORT, the base URL of this node"
                                                   : "peers = http://HOST:PORT, ..., the base URLs of all members, or "
                                                     "peers = /PREFIX/, where they stand in the store");
    } else {
        make_pool(group, place, d);
    }
}
