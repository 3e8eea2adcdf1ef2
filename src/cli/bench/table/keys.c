/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/table/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/table/plan.h"

/* From the first key up to what comes right behind the last one. */
struct bounds {
    char *first;
    char *end;
};

static char *make_key(const struct etcd_config *load, uint64_t number, const char *after) {
    size_t prefix = strlen(load->key_prefix);
    char *key = malloc(prefix + load->key_size + strlen(after) + 1);

    if (key != NULL) {
        memcpy(key, load->key_prefix, prefix);
        etcd_config_write_key(load, number, key + prefix);
        strcpy(key + prefix + load->key_size, after);
    }
    return key;
}

static bool count_on(const struct etcd_target *target, size_t place, const struct etcd_config *load,
                     int64_t *ret_count) {
    struct etcd_target *one = malloc(sizeof(*one));
    struct glance_range glance;
    bool counted;

    if (one == NULL) {
        fputs("larder bench: out of memory\n", stderr);
        return false;
    }
    *one = *target;
    one->endpoints[0] = target->endpoints[place];
    counted = etcd_target_range(one, load, &glance);
    *ret_count = glance.count;
    free(one);
    return counted;
}

static bool complain(const struct table_config *config, const struct etcd_endpoint *endpoint, int64_t count) {
    char text[ADDRESS_TEXT_MAX];

    fprintf(stderr,
            "larder bench: %s: below %s there are %" PRId64 " keys of the table, and reads need exactly %" PRIu64
            "; run it with --only writes and the same --scale first\n",
            address_format(&endpoint->address, text), config->key_prefix, count, table_plan_keys(config));
    return false;
}

static bool check_all(const struct table_config *config, const struct etcd_target *target,
                      const struct etcd_config *load) {
    for (size_t i = 0; i < target->count; i++) {
        int64_t count;

        if (!count_on(target, i, load, &count)) {
            return false;
        }
        if ((uint64_t)count != table_plan_keys(config)) {
            return complain(config, &target->endpoints[i], count);
        }
    }
    return true;
}

bool table_keys_are_there(const struct table_config *config, const struct etcd_target *target) {
    const struct table_row counting = {.kind = ETCD_RANGE, .total = 1, .conns = 1, .clients = 1};
    struct etcd_config load;
    struct bounds bounds;
    bool there;

    table_plan_load(config, &counting, &load);
    bounds.first = make_key(&load, 0, "");
    bounds.end = make_key(&load, table_plan_keys(config) - 1, "\x01");
    load.key = bounds.first;
    load.range_end = bounds.end;
    load.count_only = true;
    if (bounds.first == NULL || bounds.end == NULL) {
        fputs("larder bench: out of memory\n", stderr);
        there = false;
    } else {
        there = check_all(config, target, &load);
    }
    free(bounds.first);
    free(bounds.end);
    return there;
}
