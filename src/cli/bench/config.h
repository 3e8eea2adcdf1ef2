/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_CONFIG_H
#define LARDER_CLI_BENCH_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/distribution.h"
#include "cli/options.h"
#include "net/address.h"

enum bench_protocol { BENCH_TEXT, BENCH_META, BENCH_HTTP };

enum { BENCH_PINS_MAX = 64, BENCH_KEYS_PER_GET_MAX = 1000 };

/* Sizes from `min` to `max` bytes, both included. */
struct size_range {
    uint64_t min;
    uint64_t max;
};

/* Weights, not percentages: 9 and 1. */
struct mix {
    uint64_t get;
    uint64_t set;
};

struct pins {
    int cpus[BENCH_PINS_MAX];
    int count;
};

/* What `larder bench` was told. */
struct bench_config {
    struct address target;
    struct address rival; /* --vs; its host is empty without it */
    uint64_t server_pid;  /* 0: not given, as the next one */
    uint64_t rival_pid;
    uint64_t rounds;

    uint64_t connections;
    uint64_t threads;
    uint64_t pipeline;
    uint64_t keys_per_get;
    enum bench_protocol protocol;
    uint64_t idle_connections;
    struct pins pins;

    uint64_t keys;
    const char *key_prefix;
    uint64_t key_size; /* without the prefix */
    struct size_range value_size;
    struct distribution distribution;
    struct mix mix;
    uint64_t seed;
    bool prefill;

    uint64_t rate; /* requests per second; 0: as fast as it goes */
    int64_t time_ns;
    uint64_t requests; /* 0: --time ends the run */
    int64_t warmup_ns;

    const char *trace; /* a path, or NULL */
    uint64_t trace_scale;
    uint64_t trace_max;

    bool json;
    bool quiet;
};

/* Reads the arguments, defaults included, and checks that they make sense together. OPTIONS_WRONG: explained on
 * standard error. Texts are borrowed from argv. */
enum options_outcome bench_config_read(int argc, char **argv, struct bench_config *ret_config);

/* Setters for tables of options: of a `const char *` and of a `struct pins`. */
bool bench_set_key_prefix(void *field, const char *value, const char **ret_reason);
bool bench_set_pins(void *field, const char *value, const char **ret_reason);

/* "text", "meta" or "http". */
const char *bench_protocol_name(enum bench_protocol protocol);

/* The help, with examples. */
void bench_config_print_help(void);

#endif
