/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TOP_KEYS_H
#define LARDER_CLI_TOP_KEYS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The keys that are asked for most, of all nodes together: what each answered to /admin/hot. */

struct top_key {
    json_t *told; /* as a node tells it: key, key_encoding, group, owner; a reference */
    double rate;  /* requests a second, of all nodes */
    bool hot;     /* on one of them at least */
};

struct top_keys {
    double rate;     /* of all keys */
    double hot_rate; /* 0: no node counts */
    bool owned;      /* some of them have owners */
    size_t count;
    struct top_key *keys;
};

/* All zero is an empty one; it is that again after top_keys_fini. */
void top_keys_fini(struct top_keys *keys);

/* What one node answered; a key of more than one may stand there twice then, until top_keys_sum. Answers of another form count
 * as empty. */
void top_keys_add(struct top_keys *keys, json_t *answer);

/* Each key once, the hottest first, `max` of them at most. */
void top_keys_sum(struct top_keys *keys, size_t max);

/* Its part of all requests, 0 to 1. */
double top_key_share(const struct top_keys *keys, const struct top_key *key);

/* {"hot_rate":...,"rate":...,"keys":[...]} */
json_t *top_keys_json(const struct top_keys *keys);

#endif
