/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_CONFIG_H
#define LARDER_CLI_SIMULATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "cli/options.h"
#include "net/tls.h"
#include "store/etcd/endpoint.h"

#define SIMULATE_PROGRAM "larder simulate"

enum {
    SIMULATE_CLIENTS_MAX = 1000,
    SIMULATE_PREFIX_MAX = 256, /* bytes of a prefix, with its NUL and the slash it may be given */
};

/* What `larder simulate` was told. Texts are borrowed from argv. */
struct simulate_config {
    const char *endpoint_text;
    struct etcd_endpoint endpoints[ETCD_MEMBERS_MAX];
    size_t endpoint_count;
    bool fixed_endpoints; /* the members that the cluster tells of are not followed */
    const char *user;     /* NAME:PASSWORD, or NULL */
    struct tls_files tls;

    uint64_t iterations;
    uint64_t seed;
    uint64_t clients;
    const char *prefix_text;
    char prefix[SIMULATE_PREFIX_MAX]; /* ends with a slash */
    bool clear;
    bool keep;
    int64_t timeout_ns;      /* of one operation, all its attempts */
    int64_t wait_members_ns; /* for all members to have caught up, at the end */

    bool plan;
    const char *dump; /* the file to write the operations to, or NULL */
    bool json;
    bool json_progress;
    bool quiet;
};

/* Reads the command line, defaults included, and checks that it makes sense. OPTIONS_WRONG: explained on standard error. */
enum options_outcome simulate_config_read(int argc, char **argv, struct simulate_config *ret_config);

void simulate_config_print_help(void);

/* The two parts of `user`; empty without one. */
struct slice simulate_config_user(const struct simulate_config *config);
struct slice simulate_config_password(const struct simulate_config *config);

#endif
