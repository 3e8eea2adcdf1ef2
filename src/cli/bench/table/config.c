/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/table/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bench/etcd/config_rows.h"

static bool set_scale(void *field, const char *value, const char **ret_reason) {
    char *end;
    double scale = strtod(value, &end);

    if (end == value || *end != '\0' || !isfinite(scale) || scale <= 0.0 || scale > 1.0) {
        *ret_reason = "not a number above 0 and up to 1, like 0.01";
        return false;
    }
    *(double *)field = scale;
    return true;
}

static bool set_part(void *field, const char *value, const char **ret_reason) {
    enum table_part *part = field;

    if (strcmp(value, "writes") == 0) {
        *part = TABLE_WRITES;
    } else if (strcmp(value, "reads") == 0) {
        *part = TABLE_READS;
    } else {
        *ret_reason = "not writes or reads";
        return false;
    }
    return true;
}

static bool set_prefix(void *field, const char *value, const char **ret_reason) {
    if (value[0] == '\0' || strlen(value) > TABLE_PREFIX_MAX) {
        *ret_reason = "not 1 to 4096 bytes; keys of others could be overwritten without one";
        return false;
    }
    *(const char **)field = value;
    return true;
}

#define FIELD(name) offsetof(struct table_config, name)

static const struct option_row rows[] = {
    {"endpoints", "HOST:PORT[,...]", "all members of the cluster (127.0.0.1:2379)", OPTION_CUSTOM, FIELD(target), 0, 0,
     etcd_set_endpoints},
    {"vs", "HOST:PORT[,...]", "another set of endpoints, measured in turns with the first,\nside by side",
     OPTION_CUSTOM, FIELD(rival), 0, 0, etcd_set_endpoints},
    {"user", "NAME:PASSWORD", "log in first", OPTION_CUSTOM, FIELD(user), 0, 0, etcd_set_user},
    {"only", "writes|reads", "one of the two tables; for reads the keys must be there", OPTION_CUSTOM, FIELD(part), 0,
     0, set_part},
    {"scale", "FRACTION", "that part of the keys and requests, for a quick look (1)", OPTION_CUSTOM, FIELD(scale), 0, 0,
     set_scale},
    {"seed", "N", "the same seed reads the same keys (1)", OPTION_COUNT, FIELD(seed), 0, 0, NULL},
    {"key-prefix", "TEXT", "what every key begins with (lb/)", OPTION_CUSTOM, FIELD(key_prefix), 0, 0, set_prefix},
    {"threads", "N", "threads that make the load of many connections (1)", OPTION_COUNT, FIELD(threads), 1, 100, NULL},
    {"timeout", "DURATION", "give up when nothing came for so long (30s)", OPTION_DURATION, FIELD(patience_ns),
     CLOCK_NS_PER_MS, 0, NULL},
    {"pin", "CPU[,CPU...]", "keep the load's threads on these processors", OPTION_CUSTOM, FIELD(pins), 0, 0,
     bench_set_pins},
    {"plot", "FILE.svg", "draw the table too", OPTION_TEXT, FIELD(plot), 0, 0, NULL},
    {"json", NULL, "print the results as JSON", OPTION_FLAG, FIELD(json), 0, 0, NULL},
    {"quiet", NULL, "no progress bar", OPTION_FLAG, FIELD(quiet), 0, 0, NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

#undef FIELD

static const struct table_config defaults = {
    .scale = 1.0,
    .seed = 1,
    .key_prefix = "lb/",
    .threads = 1,
    .patience_ns = 30 * CLOCK_NS_PER_S,
};

static const struct address default_endpoint = {.kind = ADDRESS_IPV4, .port = 2379, .host = "127.0.0.1"};

enum options_outcome table_config_read(int argc, char **argv, struct table_config *ret_config) {
    enum options_outcome outcome;
    int positional;

    *ret_config = defaults;
    outcome = options_parse(rows, "larder bench table", argc, argv, ret_config, &positional);
    if (outcome != OPTIONS_DONE) {
        return outcome;
    }
    if (positional > 0) {
        fprintf(stderr, "larder bench table: '%s' is one argument too many; see --help\n", argv[0]);
        return OPTIONS_WRONG;
    }
    if (ret_config->target.count == 0) {
        ret_config->target.addresses[ret_config->target.count++] = default_endpoint;
    }
    return OPTIONS_DONE;
}

void table_config_print_help(void) {
    puts("larder bench table - the tables of etcd's page about its performance, for any servers of its API\n\n"
         "usage: larder bench table [OPTIONS]\n\n"
         "Writes: 10,000 keys with 1 connection and 1 client, and 100,000 keys with 100 connections and 1,000\n"
         "clients, to the leader alone; then the latter to all members. Reads of those keys: 10,000 with 1 client,\n"
         "100,000 with 1,000 clients, each linearizable and serializable, from all members. Keys have 8 bytes,\n"
         "values 256. The keys are left there, under the prefix.\n\n"
         "options:");
    options_print(rows, stdout);
    puts("\nexamples:\n"
         "  larder bench table --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379 --plot table.svg\n"
         "  larder bench table --endpoints 127.0.0.1:2379 --vs 127.0.0.1:11211 --scale 0.01 --json\n\n"
         "Exit codes: 0 measured, 1 a row is without a result, 2 the arguments make no sense.");
}
