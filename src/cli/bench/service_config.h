/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_SERVICE_CONFIG_H
#define LARDER_CLI_BENCH_SERVICE_CONFIG_H

#include <stddef.h>

#include "cli/bench/config.h"

enum { SERVICE_NODES_MAX = 64 };

/* What `larder bench config` was told. */
struct service_config {
    struct bench_config base; /* of it: connections, threads, keys, key_prefix, seed, rate, time, requests, warmup */
    struct address nodes[SERVICE_NODES_MAX];
    size_t node_count;
};

/* Reads the arguments, defaults included. OPTIONS_WRONG: explained on standard error. Texts are borrowed from argv. */
enum options_outcome service_config_read(int argc, char **argv, struct service_config *ret_config);

/* The help, with examples. */
void service_config_print_help(void);

#endif
