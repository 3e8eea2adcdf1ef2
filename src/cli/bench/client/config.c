/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/client/config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/options.h"

enum { KEY_MAX = 4096, VALUE_MAX = 64 << 20, CLIENTS_MAX = 100000, DEFAULT_TOTAL = 10000, WHY_MAX = 256 };

/* The endpoints are read as a whole after the options, so that a reason can name the one that is wrong. */
struct arguments {
    struct client_config config;
    const char *endpoints;
};

static bool set_user(void *field, const char *value, const char **ret_reason) {
    if (strchr(value, ':') == NULL || value[0] == ':') {
        *ret_reason = "not NAME:PASSWORD";
        return false;
    }
    *(const char **)field = value;
    return true;
}

static bool set_consistency(void *field, const char *value, const char **ret_reason) {
    if (strcmp(value, "l") != 0 && strcmp(value, "s") != 0) {
        *ret_reason = "not l (linearizable) or s (serializable)";
        return false;
    }
    *(bool *)field = value[0] == 's';
    return true;
}

#define FIELD(name) offsetof(struct arguments, config.name)

static const struct option_row rows[] = {
    {"endpoints", "HOST:PORT[,...]", "members, in the order of preference; https://... for TLS\n(127.0.0.1:2379)",
     OPTION_TEXT, offsetof(struct arguments, endpoints), 0, 0, NULL},
    {"user", "NAME:PASSWORD", "who asks", OPTION_CUSTOM, FIELD(user), 0, 0, set_user},
    {"cacert", "FILE", "authorities to believe (the system's)", OPTION_TEXT, FIELD(tls.ca), 0, 0, NULL},
    {"cert", "FILE", "our own certificate", OPTION_TEXT, FIELD(tls.certificate), 0, 0, NULL},
    {"key", "FILE", "and its key", OPTION_TEXT, FIELD(tls.key), 0, 0, NULL},
    {"server-name", "NAME", "what the servers' certificates must say", OPTION_TEXT, FIELD(tls.server_name), 0, 0, NULL},
    {"insecure-skip-tls-verify", NULL, "believe everybody", OPTION_FLAG, FIELD(tls.insecure), 0, 0, NULL},
    {"clients", "N", "requests in flight (1)", OPTION_COUNT, FIELD(clients), 1, CLIENTS_MAX, NULL},
    {"total", "N", "measure N requests (10000)", OPTION_COUNT, FIELD(total), 1, 0, NULL},
    {"duration", "DURATION", "measure for that time, or until --total if both are given", OPTION_DURATION,
     FIELD(duration_ns), 1, 0, NULL},
    {"timeout", "DURATION", "of a request, with all its attempts (5s)", OPTION_DURATION, FIELD(timeout_ns),
     CLOCK_NS_PER_MS, 0, NULL},
    {"key-size", "BYTES", "size of a key: a number with leading zeros (8)", OPTION_SIZE, FIELD(key_size), 1, KEY_MAX,
     NULL},
    {"key-space-size", "N", "different keys, drawn (1)", OPTION_COUNT, FIELD(key_space), 1, 0, NULL},
    {"key-prefix", "TEXT", "what every key begins with, in front of the number", OPTION_CUSTOM, FIELD(key_prefix), 0, 0,
     bench_set_key_prefix},
    {"val-size", "BYTES", "size of a value (256)", OPTION_SIZE, FIELD(value_size), 0, VALUE_MAX, NULL},
    {"seed", "N", "the same seed draws the same keys (1)", OPTION_COUNT, FIELD(seed), 0, 0, NULL},
    {"consistency", "l|s", "of range: linearizable or serializable (l)", OPTION_CUSTOM, FIELD(serializable), 0, 0,
     set_consistency},
    {"retry-unknown", NULL, "of put: send it again if its answer was lost", OPTION_FLAG, FIELD(retry_unknown), 0, 0,
     NULL},
    {"pin", "CPU[,CPU...]", "keep this process on these processors", OPTION_CUSTOM, FIELD(pins), 0, 0, bench_set_pins},
    {"json", NULL, "print the results as JSON", OPTION_FLAG, FIELD(json), 0, 0, NULL},
    {"quiet", NULL, "no progress bar", OPTION_FLAG, FIELD(quiet), 0, 0, NULL},
    {NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL},
};

#undef FIELD

static const struct client_config defaults = {
    .clients = 1,
    .timeout_ns = 5 * CLOCK_NS_PER_S,
    .key_prefix = "",
    .key_size = 8,
    .key_space = 1,
    .value_size = 256,
    .seed = 1,
};

/* The first thing that does not go together, as a sentence; NULL when there is none. */
static const char *find_contradiction(const struct client_config *c) {
    char digits[NUMBER_MAX_DIGITS];

    if (c->key_size < number_format_u64(c->key_space - 1, digits)) {
        return "--key-size: too small to tell so many keys apart";
    }
    if (strlen(c->key_prefix) > KEY_MAX) {
        return "--key-prefix: longer than 4096 bytes";
    }
    if ((c->tls.certificate == NULL) != (c->tls.key == NULL)) {
        return "--cert and --key: one is of no use without the other";
    }
    return NULL;
}

static bool read_endpoints(const char *text, struct client_config *config) {
    struct buf why;
    bool good;

    buf_init(&why, WHY_MAX);
    good = etcd_endpoints_parse(slice_from_string(text), config->endpoints, ETCD_MEMBERS_MAX, &config->endpoint_count,
                                &why);
    if (!good) {
        fprintf(stderr, "larder bench client: --endpoints: %.*s\n", (int)why.size, why.data);
    }
    buf_fini(&why);
    return good;
}

static bool complete(struct arguments *given, struct client_config *ret_config) {
    const char *contradiction = find_contradiction(&given->config);

    if (contradiction != NULL) {
        fprintf(stderr, "larder bench client: %s\n", contradiction);
        return false;
    }
    if (given->config.total == 0 && given->config.duration_ns == 0) {
        given->config.total = DEFAULT_TOTAL;
    }
    if (!read_endpoints(given->endpoints, &given->config)) {
        return false;
    }
    *ret_config = given->config;
    return true;
}

enum options_outcome client_config_read(int argc, char **argv, struct client_config *ret_config) {
    struct arguments given = {.config = defaults, .endpoints = "127.0.0.1:2379"};
    const char *word = argc > 0 ? argv[0] : "";
    enum options_outcome outcome;
    int positional;

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return OPTIONS_HELP;
    }
    if (strcmp(word, "put") != 0 && strcmp(word, "range") != 0) {
        fputs("larder bench client: say 'put' or 'range'; see --help\n", stderr);
        return OPTIONS_WRONG;
    }
    given.config.reads = word[0] == 'r';
    outcome = options_parse(rows, "larder bench client", argc, argv, &given, &positional);
    if (outcome != OPTIONS_DONE) {
        return outcome;
    }
    if (positional > 0) {
        fprintf(stderr, "larder bench client: '%s' is one argument too many; see --help\n", argv[0]);
        return OPTIONS_WRONG;
    }
    return complete(&given, ret_config) ? OPTIONS_DONE : OPTIONS_WRONG;
}

void client_config_print_help(void) {
    puts("larder bench client - load through the client that fails over between the members of an etcd cluster\n\n"
         "usage: larder bench client put|range [OPTIONS]\n\n"
         "It is the client that a node with --store etcd://... has, on one thread, with one connection for its\n"
         "requests. The report tells the processor time that a request costs this process, the longest time\n"
         "without an answer, and what the client did about members that failed. What counts begins with the\n"
         "first answer. `range` asks for keys that `put` with the same options for keys has put.\n\n"
         "options:");
    options_print(rows, stdout);
    puts("\nexamples:\n"
         "  larder bench client put --endpoints 10.0.0.1:2379,10.0.0.2:2379 --total 100000\n"
         "  larder bench client range --endpoints 10.0.0.1:2379,10.0.0.2:2379 --duration 1m --json\n\n"
         "Exit codes: 0 measured, 1 failed, or an answer was no good, 2 the arguments make no sense.");
}
