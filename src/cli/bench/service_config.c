/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/service_config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static bool add_node(struct service_config *config, struct slice text, const char **ret_reason) {
    if (config->node_count == SERVICE_NODES_MAX) {
        *ret_reason = "more than 64 nodes";
        return false;
    }
    return address_parse(text, &config->nodes[config->node_count], ret_reason) && ++config->node_count > 0;
}

/* A list with commas; given several times, they add up. */
static bool set_nodes(void *field, const char *value, const char **ret_reason) {
    struct service_config *config = (struct service_config *)((char *)field - offsetof(struct service_config, nodes));
    const char *end = value + strlen(value);

    while (value <= end) {
        size_t size = strcspn(value, ",");

        if (!add_node(config, slice_make(value, size), ret_reason)) {
            return false;
        }
        value += size + 1;
    }
    return true;
}

#define FIELD(name) offsetof(struct service_config, base.name)

static const struct option_row rows[] = {
    {"server", "HOST:PORT[,...]", "the nodes; connections are dealt to them in turn\n(127.0.0.1:8080)", OPTION_CUSTOM,
     offsetof(struct service_config, nodes), 0, 0, set_nodes},
    {"connections", "N", "connections, over all threads and nodes (50)", OPTION_COUNT, FIELD(connections), 1, 100000,
     NULL},
    {"threads", "N", "threads that make the load (1)", OPTION_COUNT, FIELD(threads), 1, 1024, NULL},
    {"keys", "N", "different keys (10000)", OPTION_COUNT, FIELD(keys), 1, 100000000, NULL},
    {"key-prefix", "TEXT", "what every key begins with (config/load_tests/)", OPTION_CUSTOM, FIELD(key_prefix), 0, 0,
     bench_set_key_prefix},
    {"time", "DURATION", "how long to measure (10s)", OPTION_DURATION, FIELD(time_ns), 1, 0, NULL},
    {"requests", "N", "measure N requests instead", OPTION_COUNT, FIELD(requests), 1, 0, NULL},
    {"warmup", "DURATION", "run before measuring (1s)", OPTION_DURATION, FIELD(warmup_ns), 0, 0, NULL},
    {"rate", "N",
     "send N requests a second, however long the answers take;\nlatency then counts from when they were due",
     OPTION_COUNT, FIELD(rate), 1, 100000000, NULL},
    {"seed", "N", "the same seed draws the same keys (1)", OPTION_COUNT, FIELD(seed), 0, 0, NULL},
    {"pin", "CPU[,CPU...]", "keep the load's threads on these processors", OPTION_CUSTOM, FIELD(pins), 0, 0,
     bench_set_pins},
    {"json", NULL, "print the results as JSON", OPTION_FLAG, FIELD(json), 0, 0, NULL},
    {"quiet", NULL, "no progress bar", OPTION_FLAG, FIELD(quiet), 0, 0, NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

#undef FIELD

static const struct bench_config defaults = {
    .connections = 50,
    .threads = 1,
    .pipeline = 1,
    .keys_per_get = 1,
    .protocol = BENCH_HTTP,
    .keys = 10000,
    .key_prefix = "config/load_tests/",
    .seed = 1,
    .time_ns = 10 * CLOCK_NS_PER_S,
    .warmup_ns = CLOCK_NS_PER_S,
};

static const struct address default_node = {.kind = ADDRESS_IPV4, .port = 8080, .host = "127.0.0.1"};

static const char *find_contradiction(const struct service_config *config) {
    if (config->base.threads > config->base.connections) {
        return "--threads: there are fewer connections than threads";
    }
    if (config->base.threads > config->base.keys) {
        return "--keys: every thread needs a key of its own";
    }
    if (config->node_count > config->base.connections) {
        return "--connections: there are more nodes than connections";
    }
    return NULL;
}

enum options_outcome service_config_read(int argc, char **argv, struct service_config *ret_config) {
    const char *contradiction;
    enum options_outcome outcome;
    int positional;

    *ret_config = (struct service_config){.base = defaults};
    outcome = options_parse(rows, "larder bench config", argc, argv, ret_config, &positional);
    if (outcome != OPTIONS_DONE) {
        return outcome;
    }
    if (positional > 0) {
        fprintf(stderr, "larder bench config: '%s' is one argument too many; name nodes with --server\n", argv[0]);
        return OPTIONS_WRONG;
    }
    if (ret_config->node_count == 0) {
        ret_config->nodes[ret_config->node_count++] = default_node;
    }
    contradiction = find_contradiction(ret_config);
    if (contradiction != NULL) {
        fprintf(stderr, "larder bench config: %s\n", contradiction);
        return OPTIONS_WRONG;
    }
    return OPTIONS_DONE;
}

void service_config_print_help(void) {
    puts("larder bench config - the load test of a near-cache service, over HTTP, with every answer checked\n\n"
         "usage: larder bench config [OPTIONS]\n\n"
         "Stores every key once, then sends, for KEYs of 64 characters and values of 44 bytes:\n\n"
         "   4.5 %   DELETE /config/load_tests/KEY\n"
         "   4.6 %   PUT    /config/load_tests/KEY\n"
         "  41.2 %   GET    /config/load_tests/KEY?use_cache=false\n"
         "  49.7 %   GET    /config/load_tests/KEY?use_cache=true\n\n"
         "options:");
    options_print(rows, stdout);
    puts("\nWhat is a stale answer:\n"
         "  Writes of a key, deletes included, go one at a time and are numbered; a value carries its number. When a\n"
         "  GET begins, the newest write of its key that was acknowledged until then is noted. The answer is stale if\n"
         "  it shows an older one: a value with a smaller number, or nothing, although neither that write nor one\n"
         "  that was sent since is a DELETE. For use_cache=false the writes acknowledged by any node count, for\n"
         "  use_cache=true those acknowledged by the node that is asked. A DELETE that finds nothing where a PUT had\n"
         "  been acknowledged is stale too. A quarter of the GETs ask for one of the last 64 keys that were written.\n"
         "  What is no value that was ever written to the key counts as foreign.\n\n"
         "  Puts bring back the keys that were deleted, so that about 95 % of the keys are there; the answer that one\n"
         "  is not is no fail. After an answer 5xx to a write nobody knows whether it was done: the key is not\n"
         "  written again, and may show either.\n\n"
         "examples:\n"
         "  larder bench config\n"
         "  larder bench config --server node1:8080,node2:8080,node3:8080 --connections 300 --threads 2\n"
         "  larder bench config --rate 5000 --time 1m --json\n\n"
         "Exit codes: 0 no stale answer and no fail, 1 there were some, or it did not run, 2 the arguments make no\n"
         "sense.");
}
