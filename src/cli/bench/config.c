/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/config.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "model/request.h"

static bool set_address(void *field, const char *value, const char **ret_reason) {
    return address_parse(slice_from_string(value), field, ret_reason);
}

static bool set_distribution(void *field, const char *value, const char **ret_reason) {
    return distribution_parse(slice_from_string(value), field, ret_reason);
}

static const char *const protocol_names[] = {[BENCH_TEXT] = "text", [BENCH_META] = "meta", [BENCH_HTTP] = "http"};

const char *bench_protocol_name(enum bench_protocol protocol) {
    return protocol_names[protocol];
}

static bool set_protocol(void *field, const char *value, const char **ret_reason) {
    for (size_t i = 0; i < sizeof(protocol_names) / sizeof(protocol_names[0]); i++) {
        if (strcmp(value, protocol_names[i]) == 0) {
            *(enum bench_protocol *)field = (enum bench_protocol)i;
            return true;
        }
    }
    *ret_reason = "not text, meta or http";
    return false;
}

/* What means the same in memcached's keys and in HTTP's targets. */
bool bench_set_key_prefix(void *field, const char *value, const char **ret_reason) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:";

    if (value[strspn(value, allowed)] != '\0') {
        *ret_reason = "has other characters than letters, digits and -._~/:";
        return false;
    }
    *(const char **)field = value;
    return true;
}

/* Splits "a<separator>b"; without the separator both are the whole. */
static void split(const char *text, char separator, struct slice *ret_left, struct slice *ret_right) {
    const char *at = strchr(text, separator);

    *ret_left = at == NULL ? slice_from_string(text) : slice_make(text, (size_t)(at - text));
    *ret_right = slice_from_string(at == NULL ? text : at + 1);
}

static bool set_value_size(void *field, const char *value, const char **ret_reason) {
    struct slice min, max;
    struct size_range range;

    split(value, '-', &min, &max);
    if (!number_parse_size(min, &range.min) || !number_parse_size(max, &range.max)) {
        *ret_reason = "not a size like 64 or 4k, or a range like 64-1k";
        return false;
    }
    if (range.min > range.max || range.max > UINT64_C(1) << 30) {
        *ret_reason = "the range is empty or goes over 1g";
        return false;
    }
    *(struct size_range *)field = range;
    return true;
}

static bool set_mix(void *field, const char *value, const char **ret_reason) {
    struct slice get, set;
    struct mix mix;

    split(value, ':', &get, &set);
    if (strchr(value, ':') == NULL || !number_parse_u64(get, &mix.get) || !number_parse_u64(set, &mix.set) ||
        mix.get > UINT32_MAX || mix.set > UINT32_MAX || mix.get + mix.set == 0) {
        *ret_reason = "not a ratio of gets to sets like 9:1, 1:0 or 0:1";
        return false;
    }
    *(struct mix *)field = mix;
    return true;
}

bool bench_set_pins(void *field, const char *value, const char **ret_reason) {
    struct pins *pins = field;
    const char *end = value + strlen(value);

    *ret_reason = "not a list of processors like 1 or 2,3";
    while (value <= end) {
        size_t size = strcspn(value, ",");
        uint64_t cpu;

        if (pins->count == BENCH_PINS_MAX || !number_parse_u64(slice_make(value, size), &cpu) || cpu >= CPU_SETSIZE) {
            return false;
        }
        pins->cpus[pins->count++] = (int)cpu;
        value += size + 1;
    }
    return true;
}

#define FIELD(name) offsetof(struct bench_config, name)

static const struct option_row load_rows[] = {
    {"connections", "N", "connections, over all threads (50)", OPTION_COUNT, FIELD(connections), 1, 1000000, NULL},
    {"threads", "N", "threads that make the load (1)", OPTION_COUNT, FIELD(threads), 1, 1024, NULL},
    {"pipeline", "N", "requests sent at once on a connection, then N answers (1)", OPTION_COUNT, FIELD(pipeline), 1,
     10000, NULL},
    {"keys-per-get", "N", "keys that one get asks for (1)", OPTION_COUNT, FIELD(keys_per_get), 1,
     BENCH_KEYS_PER_GET_MAX, NULL},
    {"protocol", "text|meta|http", "get and set, mg and ms, or GET and PUT (text)", OPTION_CUSTOM, FIELD(protocol), 0,
     0, set_protocol},
    {"mix", "GET:SET", "ratio of gets to sets (9:1)", OPTION_CUSTOM, FIELD(mix), 0, 0, set_mix},
    {"keys", "N", "different keys (100000)", OPTION_COUNT, FIELD(keys), 1, UINT32_MAX, NULL},
    {"key-prefix", "TEXT", "what every key begins with; GROUP/ loads that group", OPTION_CUSTOM, FIELD(key_prefix), 0,
     0, bench_set_key_prefix},
    {"key-size", "BYTES", "size of a key, behind the prefix (10)", OPTION_SIZE, FIELD(key_size), 1, REQUEST_KEY_MAX,
     NULL},
    {"value-size", "BYTES|MIN-MAX", "size of a value; of a range each key has its own (64)", OPTION_CUSTOM,
     FIELD(value_size), 0, 0, set_value_size},
    {"distribution", "KIND", "uniform, sequential or zipf:THETA (uniform)", OPTION_CUSTOM, FIELD(distribution), 0, 0,
     set_distribution},
    {"seed", "N", "the same seed asks for the same keys (1)", OPTION_COUNT, FIELD(seed), 0, 0, NULL},
    {"prefill", NULL, "store every key first", OPTION_FLAG, FIELD(prefill), 0, 0, NULL},
    {"idle-connections", "N", "open N more that only wait; check them at the end", OPTION_COUNT,
     FIELD(idle_connections), 1, 1000000, NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

static const struct option_row length_rows[] = {
    {"time", "DURATION", "how long to measure (10s)", OPTION_DURATION, FIELD(time_ns), 1, 0, NULL},
    {"requests", "N", "measure N requests instead", OPTION_COUNT, FIELD(requests), 1, 0, NULL},
    {"warmup", "DURATION", "run before measuring (1s)", OPTION_DURATION, FIELD(warmup_ns), 0, 0, NULL},
    {"rate", "N", "send N requests a second, however long the answers take;", OPTION_COUNT, FIELD(rate), 1, 100000000,
     NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

static const struct option_row trace_rows[] = {
    {"trace", "FILE", "replay a .csv or .csv.gz of version,time,op,size,lbn:", OPTION_TEXT, FIELD(trace), 0, 0, NULL},
    {"trace-scale", "N", "divide the sizes in the trace by N (1)", OPTION_COUNT, FIELD(trace_scale), 1, 0, NULL},
    {"trace-max", "BYTES", "cut larger values to this (1g)", OPTION_SIZE, FIELD(trace_max), 1, UINT64_C(1) << 30, NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

static const struct option_row report_rows[] = {
    {"server-pid", "PID", "report that process's CPU per request and memory", OPTION_COUNT, FIELD(server_pid), 1,
     UINT32_MAX, NULL},
    {"vs", "HOST:PORT", "measure a rival in turns with HOST:PORT, print ratios", OPTION_CUSTOM, FIELD(rival), 0, 0,
     set_address},
    {"vs-pid", "PID", "the rival's process", OPTION_COUNT, FIELD(rival_pid), 1, UINT32_MAX, NULL},
    {"rounds", "N", "how often both are measured with --vs (3)", OPTION_COUNT, FIELD(rounds), 1, 1000, NULL},
    {"pin", "CPU[,CPU...]", "keep the load's threads on these processors", OPTION_CUSTOM, FIELD(pins), 0, 0,
     bench_set_pins},
    {"json", NULL, "print the results as JSON", OPTION_FLAG, FIELD(json), 0, 0, NULL},
    {"quiet", NULL, "no progress bar", OPTION_FLAG, FIELD(quiet), 0, 0, NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

#undef FIELD

enum { ROWS_MAX = 64 };

/* One table of all the groups above, for the parser. */
static void join_rows(struct option_row ret_rows[ROWS_MAX]) {
    static const struct option_row *const groups[] = {load_rows, length_rows, trace_rows, report_rows};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (const struct option_row *row = groups[i]; row->name != NULL; row++) {
            ret_rows[count++] = *row;
        }
    }
    ret_rows[count].name = NULL;
}

static const struct bench_config defaults = {
    .target = {.kind = ADDRESS_IPV4, .port = 11211, .host = "127.0.0.1"},
    .rounds = 3,
    .connections = 50,
    .threads = 1,
    .pipeline = 1,
    .keys_per_get = 1,
    .protocol = BENCH_TEXT,
    .keys = 100000,
    .key_prefix = "",
    .key_size = 10,
    .value_size = {64, 64},
    .distribution = {.kind = DISTRIBUTION_UNIFORM},
    .mix = {9, 1},
    .seed = 1,
    .time_ns = 10 * CLOCK_NS_PER_S,
    .warmup_ns = CLOCK_NS_PER_S,
    .trace_scale = 1,
    .trace_max = UINT64_C(1) << 30,
};

/* The first thing that does not go together, as a sentence; NULL when there is none. */
static const char *find_contradiction(const struct bench_config *c) {
    char digits[NUMBER_MAX_DIGITS];

    if (c->threads > c->connections) {
        return "--threads: there are fewer connections than threads";
    }
    if (c->key_size < number_format_u64(c->keys - 1, digits)) {
        return "--key-size: too small to tell so many keys apart";
    }
    if (c->key_size + strlen(c->key_prefix) > REQUEST_KEY_MAX) {
        return "--key-prefix: with it a key is longer than the 250 bytes it may have";
    }
    if (c->keys_per_get > 1 && c->protocol != BENCH_TEXT) {
        return "--keys-per-get: only the text protocol has a get of several keys";
    }
    if (c->idle_connections > 0 && c->protocol == BENCH_HTTP) {
        return "--idle-connections: they speak memcached; no --protocol http";
    }
    if (c->rival_pid != 0 && c->rival.host[0] == '\0') {
        return "--vs-pid: there is no --vs";
    }
    if (c->trace != NULL && (c->pipeline > 1 || c->keys_per_get > 1 || c->rate > 0 || c->prefill)) {
        return "--trace: a replay goes one by one; no --pipeline, --keys-per-get, --rate or --prefill";
    }
    if (c->trace != NULL && c->rival.host[0] != '\0') {
        return "--trace: cannot be combined with --vs, because a replay needs an empty cache each time";
    }
    return NULL;
}

enum options_outcome bench_config_read(int argc, char **argv, struct bench_config *ret_config) {
    struct option_row rows[ROWS_MAX];
    enum options_outcome outcome;
    const char *reason;
    int positional;

    join_rows(rows);
    *ret_config = defaults;
    outcome = options_parse(rows, "larder bench", argc, argv, ret_config, &positional);
    if (outcome != OPTIONS_DONE) {
        return outcome;
    }
    if (positional > 1) {
        fprintf(stderr, "larder bench: '%s' is one argument too many; see --help\n", argv[1]);
        return OPTIONS_WRONG;
    }
    if (positional == 1 && !address_parse(slice_from_string(argv[0]), &ret_config->target, &reason)) {
        fprintf(stderr, "larder bench: %s: %s\n", argv[0], reason);
        return OPTIONS_WRONG;
    }
    reason = find_contradiction(ret_config);
    if (reason != NULL) {
        fprintf(stderr, "larder bench: %s\n", reason);
        return OPTIONS_WRONG;
    }
    return OPTIONS_DONE;
}

void bench_config_print_help(void) {
    puts("larder bench - make load on a server that speaks memcached or HTTP, and measure it\n\n"
         "usage: larder bench [HOST:PORT] [OPTIONS]      (127.0.0.1:11211)\n"
         "       larder bench config [OPTIONS]           the load test of a near-cache service; see its --help\n"
         "       larder bench put|range|txn|watch|lease  etcd's API by gRPC, each with a --help of its own\n"
         "       larder bench client put|range           load through the client that fails over; see its --help\n"
         "       larder bench table [OPTIONS]            the tables of etcd's page; see its --help\n\n"
         "the load:");
    options_print(load_rows, stdout);
    puts("\nhow long and how fast:");
    options_print(length_rows, stdout);
    puts("                               latency then counts from the moment a request was due\n\n"
         "a recorded trace instead:");
    options_print(trace_rows, stdout);
    puts("                               op 28 gets, and sets on a miss; op 2a sets; lbn is the key\n\n"
         "the report:");
    options_print(report_rows, stdout);
    puts("\nexamples:\n"
         "  larder bench --prefill --mix 1:0              gets that hit, as fast as it goes\n"
         "  larder bench --pipeline 32 --distribution zipf:0.99\n"
         "  larder bench --rate 20000 --time 60           latency at a load that it can carry\n"
         "  larder bench --key-prefix config/ --mix 0:1 --connections 1000    sets of a durable group\n"
         "  larder bench 127.0.0.1:8080 --protocol http --prefill --value-size 1k --mix 1:0\n"
         "  larder bench --trace week.csv.gz --connections 1\n"
         "  larder bench --idle-connections 10000 --server-pid $(pidof larderd)\n\n"
         "  a fair race of two servers, each pinned with `taskset -c 0`:\n"
         "  larder bench HOST:A --server-pid PIDA --vs HOST:B --vs-pid PIDB --prefill --mix 1:0 --pin 1\n\n"
         "Exit codes: 0 measured, 1 failed, 2 the arguments make no sense.");
}
