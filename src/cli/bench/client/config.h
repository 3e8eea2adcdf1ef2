/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_CLIENT_CONFIG_H
#define LARDER_CLI_BENCH_CLIENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/config.h"
#include "net/tls.h"
#include "store/etcd/endpoint.h"

/* What `larder bench client put|range` was told: a load that goes through the client that fails over between the members of
 * a cluster, the one that a node with --store etcd://... uses. */
struct client_config {
    bool reads;                                       /* range; else put */
    struct etcd_endpoint endpoints[ETCD_MEMBERS_MAX]; /* in the order of preference */
    size_t endpoint_count;
    const char *user; /* NAME:PASSWORD, or NULL */
    struct tls_files tls;
    uint64_t clients;    /* requests in flight */
    uint64_t total;      /* requests to measure; 0: until duration_ns */
    int64_t duration_ns; /* 0: until total */
    int64_t timeout_ns;  /* of a request, with all its attempts */
    const char *key_prefix;
    uint64_t key_size; /* without the prefix: a number with leading zeros */
    uint64_t key_space;
    uint64_t value_size;
    uint64_t seed;
    bool serializable;
    bool retry_unknown; /* puts in doubt are sent again */
    struct pins pins;
    bool json;
    bool quiet;
};

/* Reads the arguments behind `larder bench client`, argv[0] being "put" or "range", defaults included, and checks that they
 * make sense together. OPTIONS_WRONG: explained on standard error. Texts are borrowed from argv. */
enum options_outcome client_config_read(int argc, char **argv, struct client_config *ret_config);

/* The help, with examples. */
void client_config_print_help(void);

#endif
