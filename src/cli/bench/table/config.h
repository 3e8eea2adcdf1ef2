/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_CONFIG_H
#define LARDER_CLI_BENCH_TABLE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/etcd/config.h"

/* Which of the page's two tables is wanted. */
enum table_part { TABLE_BOTH, TABLE_WRITES, TABLE_READS };

enum {
    TABLE_KEY_SIZE = 8,     /* as the page has it; larger only if the prefix leaves too little room */
    TABLE_KEY_DIGITS = 5,   /* tell all keys of the page apart */
    TABLE_VALUE_SIZE = 256, /* as the page has it */
    TABLE_PREFIX_MAX = 4096,
};

/* What `larder bench table` was told. */
struct table_config {
    struct etcd_endpoints target;
    struct etcd_endpoints rival; /* --vs; none without it */
    const char *user;            /* NAME:PASSWORD, or NULL */
    enum table_part part;
    double scale; /* of the numbers of keys and requests; 1: as on the page */
    uint64_t seed;
    const char *key_prefix;
    uint64_t threads;
    int64_t patience_ns; /* a row is given up when nothing came for so long */
    const char *plot;    /* where to write the picture, or NULL */
    struct pins pins;
    bool json;
    bool quiet;
};

/* Reads the arguments behind `larder bench`, argv[0] being "table", defaults included, and checks that they make sense
 * together. OPTIONS_WRONG: explained on standard error. Texts are borrowed from argv. */
enum options_outcome table_config_read(int argc, char **argv, struct table_config *ret_config);

/* The help, with examples. */
void table_config_print_help(void);

#endif
