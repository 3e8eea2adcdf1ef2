/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/bench/etcd/config_rows.h"

static const char *const kind_names[] = {
    [ETCD_PUT] = "put",
    [ETCD_RANGE] = "range",
    [ETCD_TXN] = "txn",
    [ETCD_WATCH] = "watch",
    [ETCD_LEASE_GRANT] = "lease grant",
    [ETCD_LEASE_KEEPALIVE] = "lease keepalive",
};

const char *etcd_kind_name(enum etcd_kind kind) {
    return kind_names[kind];
}

static bool read_kind(const char *word, enum etcd_kind *ret_kind) {
    static const enum etcd_kind kinds[] = {ETCD_PUT, ETCD_RANGE, ETCD_TXN, ETCD_WATCH};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(word, kind_names[kinds[i]]) == 0) {
            *ret_kind = kinds[i];
            return true;
        }
    }
    *ret_kind = ETCD_LEASE_GRANT; /* which lease, its argument says */
    return strcmp(word, "lease") == 0;
}

bool etcd_config_is_kind(const char *word) {
    enum etcd_kind kind;

    return read_kind(word, &kind);
}

uint64_t etcd_config_watchers(const struct etcd_config *c) {
    return c->streams * c->watch_per_stream;
}

void etcd_config_write_key(const struct etcd_config *c, uint64_t number, char *ret_digits) {
    for (uint64_t i = c->key_size; i > 0; i--) {
        ret_digits[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
}

static const struct address default_endpoint = {.kind = ADDRESS_IPV4, .port = 2379, .host = "127.0.0.1"};

enum { DEFAULT_TOTAL = 10000, DEFAULT_PUT_TOTAL = 1000 };

static const struct etcd_config defaults = {
    .rounds = 3,
    .conns = 1,
    .clients = 1,
    .threads = 1,
    .patience_ns = 30 * CLOCK_NS_PER_S,
    .key_prefix = "",
    .key_size = 8,
    .value_size = 8,
    .key_space = 1,
    .seed = 1,
    .txn_ops = 1,
    .streams = 10,
    .watch_per_stream = 100,
    .put_total = DEFAULT_PUT_TOTAL,
    .hold_ns = 2 * CLOCK_NS_PER_S,
    .ttl = 100,
};

enum { WATCH_KEY_SIZE = 32, WATCH_VALUE_MIN = 8 /* the time of the put */ };

static bool has_keys(const struct etcd_config *c) {
    return c->kind == ETCD_PUT || c->kind == ETCD_TXN || c->kind == ETCD_WATCH ||
           (c->kind == ETCD_RANGE && c->key == NULL);
}

/* The first thing that does not go together, as a sentence; NULL when there is none. */
static const char *find_contradiction(const struct etcd_config *c) {
    char digits[NUMBER_MAX_DIGITS];

    if (c->threads > c->conns) {
        return "--threads: there are fewer connections (--conns) than threads";
    }
    if (has_keys(c) && c->key_size < number_format_u64(c->key_space - 1, digits)) {
        return "--key-size: too small to tell so many keys apart";
    }
    if (c->key != NULL && c->key[0] == '\0') {
        return "KEY: a key has at least one byte";
    }
    if (c->rival_pid != 0 && c->rival.count == 0) {
        return "--vs-pid: there is no --vs";
    }
    if (c->kind == ETCD_TXN && c->txn_ops > c->key_space) {
        return "--txn-ops: a transaction may put a key only once; --key-space-size has to be as large";
    }
    if (c->kind == ETCD_WATCH && c->value_size < WATCH_VALUE_MIN) {
        return "--val-size: a value carries the time of its put and has at least 8 bytes";
    }
    if (c->kind == ETCD_WATCH && etcd_config_watchers(c) > ETCD_WATCHERS_MAX) {
        return "--watch-per-stream: there would be more than 10,000,000 watchers";
    }
    if (c->kind == ETCD_WATCH && c->streams < c->threads) {
        return "--threads: there are fewer streams than threads";
    }
    return NULL;
}

/* Takes what is no option: the key and the end of a range, or which lease. False: it was explained. */
static bool take_positional(struct etcd_config *c, int count, char **words) {
    int most = c->kind == ETCD_RANGE ? 2 : c->kind == ETCD_LEASE_GRANT ? 1 : 0;

    if (count > most) {
        fprintf(stderr, "larder bench %s: '%s' is one argument too many; see --help\n", kind_names[c->kind],
                words[most]);
        return false;
    }
    if (c->kind == ETCD_LEASE_GRANT) {
        if (count == 0 || (strcmp(words[0], "grant") != 0 && strcmp(words[0], "keepalive") != 0)) {
            fputs("larder bench lease: say 'grant' or 'keepalive'; see --help\n", stderr);
            return false;
        }
        c->kind = strcmp(words[0], "keepalive") == 0 ? ETCD_LEASE_KEEPALIVE : ETCD_LEASE_GRANT;
    } else if (c->kind == ETCD_RANGE) {
        c->key = count > 0 ? words[0] : NULL;
        c->range_end = count > 1 ? words[1] : NULL;
    }
    return true;
}

static void set_defaults(struct etcd_config *c, enum etcd_kind kind) {
    *c = defaults;
    c->kind = kind;
    if (kind == ETCD_WATCH) {
        c->key_size = WATCH_KEY_SIZE;
    }
}

/* What is only known once everything was read. */
static void complete(struct etcd_config *c) {
    if (c->target.count == 0) {
        c->target.addresses[c->target.count++] = default_endpoint;
    }
    if (c->kind == ETCD_WATCH) {
        c->total = c->put_total;
    } else if (c->total == 0 && c->duration_ns == 0) {
        c->total = DEFAULT_TOTAL;
    }
}

enum options_outcome etcd_config_read(int argc, char **argv, struct etcd_config *ret_config) {
    struct option_row rows[ETCD_ROWS_MAX];
    char program[64];
    enum options_outcome outcome;
    enum etcd_kind kind;
    const char *contradiction;
    int positional;

    if (!read_kind(argv[0], &kind)) {
        fprintf(stderr, "larder bench: there is no load '%s'; see --help\n", argv[0]);
        return OPTIONS_WRONG;
    }
    snprintf(program, sizeof(program), "larder bench %s", argv[0]);
    set_defaults(ret_config, kind);
    etcd_rows_join(kind, rows);
    outcome = options_parse(rows, program, argc, argv, ret_config, &positional);
    if (outcome != OPTIONS_DONE) {
        return outcome;
    }
    if (!take_positional(ret_config, positional, argv)) {
        return OPTIONS_WRONG;
    }
    complete(ret_config);
    contradiction = find_contradiction(ret_config);
    if (contradiction != NULL) {
        fprintf(stderr, "%s: %s\n", program, contradiction);
        return OPTIONS_WRONG;
    }
    return OPTIONS_DONE;
}
