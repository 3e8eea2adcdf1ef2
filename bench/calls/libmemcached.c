/* SPDX-License-Identifier: Apache-2.0 */
#include <libmemcached/memcached.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

/* With what its documentation recommends: no delay, and consistent hashing over several servers. */

struct calls {
    memcached_st *memcached;
    memcached_result_st result;
};

struct calls *calls_open(const char *servers) {
    struct calls *c = calloc(1, sizeof(*c));
    memcached_server_st *list = memcached_servers_parse(servers);

    if (c == NULL || list == NULL || (c->memcached = memcached_create(NULL)) == NULL) {
        fprintf(stderr, "libmemcached: no servers\n");
        free(c);
        return NULL;
    }
    memcached_behavior_set(c->memcached, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
    memcached_behavior_set(c->memcached, MEMCACHED_BEHAVIOR_DISTRIBUTION, MEMCACHED_DISTRIBUTION_CONSISTENT);
    memcached_server_push(c->memcached, list);
    memcached_server_list_free(list);
    memcached_result_create(c->memcached, &c->result);
    return c;
}

void calls_close(struct calls *c) {
    memcached_result_free(&c->result);
    memcached_free(c->memcached);
    free(c);
}

static bool complain(struct calls *c, memcached_return_t error) {
    fprintf(stderr, "libmemcached: %s\n", memcached_strerror(c->memcached, error));
    return false;
}

bool calls_set(struct calls *c, const char *key, size_t key_size, const char *value, size_t value_size) {
    memcached_return_t error = memcached_set(c->memcached, key, key_size, value, value_size, 0, 0);

    return memcached_success(error) || complain(c, error);
}

bool calls_get(struct calls *c, const char *key, size_t key_size, size_t value_size) {
    memcached_return_t error = MEMCACHED_SUCCESS;
    uint32_t flags = 0;
    size_t size = 0;
    char *value = memcached_get(c->memcached, key, key_size, &size, &flags, &error);
    bool good = value != NULL && size == value_size;

    free(value);
    return good || complain(c, error);
}

bool calls_get_many(struct calls *c, const char *const *keys, const size_t *key_sizes, size_t count,
                    size_t value_size) {
    memcached_return_t error = memcached_mget(c->memcached, keys, key_sizes, count);
    size_t found = 0;

    if (!memcached_success(error)) {
        return complain(c, error);
    }
    while (memcached_fetch_result(c->memcached, &c->result, &error) != NULL) {
        found += memcached_result_length(&c->result) == value_size;
    }
    return found == count || complain(c, error);
}
