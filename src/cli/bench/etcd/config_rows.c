/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/config_rows.h"

#include <string.h>

#include "base/clock.h"

static bool add_endpoint(struct etcd_endpoints *endpoints, struct slice text, const char **ret_reason) {
    static const struct slice plain = {"http://", 7};

    if (slice_has_prefix(text, SLICE("https://"))) {
        *ret_reason = "this load has no TLS; name a plain endpoint, http://HOST:PORT";
        return false;
    }
    if (slice_has_prefix(text, plain)) {
        text = slice_skip(text, plain.size);
    }
    if (endpoints->count == ETCD_ENDPOINTS_MAX) {
        *ret_reason = "more than 64 endpoints";
        return false;
    }
    if (!address_parse(text, &endpoints->addresses[endpoints->count], ret_reason)) {
        return false;
    }
    endpoints->count++;
    return true;
}

/* A list with commas; given several times, they add up. */
bool etcd_set_endpoints(void *field, const char *value, const char **ret_reason) {
    const char *end = value + strlen(value);

    while (value <= end) {
        size_t size = strcspn(value, ",");

        if (!add_endpoint(field, slice_make(value, size), ret_reason)) {
            return false;
        }
        value += size + 1;
    }
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

bool etcd_set_user(void *field, const char *value, const char **ret_reason) {
    if (strchr(value, ':') == NULL || value[0] == ':') {
        *ret_reason = "not NAME:PASSWORD";
        return false;
    }
    *(const char **)field = value;
    return true;
}

#define FIELD(name) offsetof(struct etcd_config, name)
#define END_OF_ROWS                                                                                                    \
    { NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, NULL }

static const struct option_row place_rows[] = {
    {"endpoints", "HOST:PORT[,...]", "where to connect; connections are dealt to them in turn\n(127.0.0.1:2379)",
     OPTION_CUSTOM, FIELD(target), 0, 0, etcd_set_endpoints},
    {"target-leader", NULL, "only the endpoint that is the leader", OPTION_FLAG, FIELD(target_leader), 0, 0, NULL},
    {"user", "NAME:PASSWORD", "log in first", OPTION_CUSTOM, FIELD(user), 0, 0, etcd_set_user},
    {"conns", "N", "connections (1)", OPTION_COUNT, FIELD(conns), 1, 100000, NULL},
    {"clients", "N", "requests in flight, spread over the connections (1)", OPTION_COUNT, FIELD(clients), 1,
     ETCD_CLIENTS_MAX, NULL},
    {"threads", "N", "threads that make the load (1)", OPTION_COUNT, FIELD(threads), 1, 1024, NULL},
    END_OF_ROWS,
};

static const struct option_row key_rows[] = {
    {"key-size", "BYTES", "size of a key: a number with leading zeros (8)", OPTION_SIZE, FIELD(key_size), 1, 4096,
     NULL},
    {"key-space-size", "N", "different keys (1)", OPTION_COUNT, FIELD(key_space), 1, 0, NULL},
    {"sequential-keys", NULL, "one key after the other instead of any", OPTION_FLAG, FIELD(sequential), 0, 0, NULL},
    {"key-prefix", "TEXT", "what every key begins with, in front of the number", OPTION_CUSTOM, FIELD(key_prefix), 0, 0,
     bench_set_key_prefix},
    {"seed", "N", "the same seed draws the same keys (1)", OPTION_COUNT, FIELD(seed), 0, 0, NULL},
    END_OF_ROWS,
};

static const struct option_row value_rows[] = {
    {"val-size", "BYTES", "size of a value (8)", OPTION_SIZE, FIELD(value_size), 0, ETCD_VALUE_MAX, NULL},
    END_OF_ROWS,
};

static const struct option_row range_rows[] = {
    {"consistency", "l|s", "linearizable or serializable (l)", OPTION_CUSTOM, FIELD(serializable), 0, 0,
     set_consistency},
    {"limit", "N", "at most N keys an answer (0: all)", OPTION_COUNT, FIELD(limit), 0, INT64_MAX, NULL},
    {"count-only", NULL, "ask for the count alone", OPTION_FLAG, FIELD(count_only), 0, 0, NULL},
    END_OF_ROWS,
};

static const struct option_row txn_rows[] = {
    {"txn-ops", "N", "puts in a transaction (1)", OPTION_COUNT, FIELD(txn_ops), 1, ETCD_TXN_OPS_MAX, NULL},
    END_OF_ROWS,
};

static const struct option_row watch_rows[] = {
    {"streams", "N", "streams, spread over the connections (10)", OPTION_COUNT, FIELD(streams), 1, 1000000, NULL},
    {"watch-per-stream", "N", "watchers on each (100)", OPTION_COUNT, FIELD(watch_per_stream), 1, ETCD_WATCHERS_MAX,
     NULL},
    {"watched-key-total", "N", "different keys that they watch, in turn (1)", OPTION_COUNT, FIELD(key_space), 1, 0,
     NULL},
    {"put-rate", "N", "puts a second (0: as fast as --clients puts in flight go)", OPTION_COUNT, FIELD(rate), 0,
     100000000, NULL},
    {"put-total", "N", "puts (1000); 0: only watch, and tell the memory of a watcher", OPTION_COUNT, FIELD(put_total),
     0, 0, NULL},
    {"hold", "DURATION", "with --put-total 0: how long to hold the watchers (2s)", OPTION_DURATION, FIELD(hold_ns), 0,
     0, NULL},
    {"key-size", "BYTES", "size of a key: a number with leading zeros (32)", OPTION_SIZE, FIELD(key_size), 1, 4096,
     NULL},
    {"key-prefix", "TEXT", "what every key begins with, in front of the number", OPTION_CUSTOM, FIELD(key_prefix), 0, 0,
     bench_set_key_prefix},
    {"sequential-keys", NULL, "put one key after the other instead of any", OPTION_FLAG, FIELD(sequential), 0, 0, NULL},
    {"seed", "N", "the same seed draws the same keys (1)", OPTION_COUNT, FIELD(seed), 0, 0, NULL},
    END_OF_ROWS,
};

static const struct option_row lease_rows[] = {
    {"ttl", "SECONDS", "how long a lease lives (100)", OPTION_COUNT, FIELD(ttl), 1, 9000000000, NULL},
    END_OF_ROWS,
};

static const struct option_row length_rows[] = {
    {"total", "N", "measure N requests (10000)", OPTION_COUNT, FIELD(total), 1, 0, NULL},
    {"duration", "DURATION", "measure for that time, or until --total if both are given", OPTION_DURATION,
     FIELD(duration_ns), 1, 0, NULL},
    {"warmup", "DURATION", "run before measuring (0)", OPTION_DURATION, FIELD(warmup_ns), 0, 0, NULL},
    {"rate", "N",
     "send N requests a second, however long the answers take;\nlatency then counts from when they were due (0: as "
     "fast "
     "as\nit goes)",
     OPTION_COUNT, FIELD(rate), 0, 100000000, NULL},
    END_OF_ROWS,
};

static const struct option_row report_rows[] = {
    {"timeout", "DURATION", "give up when nothing came for so long (30s)", OPTION_DURATION, FIELD(patience_ns),
     CLOCK_NS_PER_MS, 0, NULL},
    {"server-pid", "PID", "the server's process; on this machine it is found by the port\nit listens on", OPTION_COUNT,
     FIELD(server_pid), 1, UINT32_MAX, NULL},
    {"vs", "HOST:PORT[,...]", "measure a rival in turns with --endpoints, print ratios", OPTION_CUSTOM, FIELD(rival), 0,
     0, etcd_set_endpoints},
    {"vs-pid", "PID", "the rival's process", OPTION_COUNT, FIELD(rival_pid), 1, UINT32_MAX, NULL},
    {"rounds", "N", "how often both are measured with --vs (3)", OPTION_COUNT, FIELD(rounds), 1, 1000, NULL},
    {"pin", "CPU[,CPU...]", "keep the load's threads on these processors", OPTION_CUSTOM, FIELD(pins), 0, 0,
     bench_set_pins},
    {"json", NULL, "print the results as JSON", OPTION_FLAG, FIELD(json), 0, 0, NULL},
    {"quiet", NULL, "no progress bar", OPTION_FLAG, FIELD(quiet), 0, 0, NULL},
    END_OF_ROWS,
};

#undef FIELD

enum { GROUPS_MAX = 6 };

/* The tables of each kind; NULL ends them. */
static const struct option_row *const groups[][GROUPS_MAX] = {
    [ETCD_PUT] = {place_rows, key_rows, value_rows, length_rows, report_rows},
    [ETCD_RANGE] = {place_rows, range_rows, key_rows, length_rows, report_rows},
    [ETCD_TXN] = {place_rows, txn_rows, key_rows, value_rows, length_rows, report_rows},
    [ETCD_WATCH] = {place_rows, watch_rows, value_rows, report_rows},
    [ETCD_LEASE_GRANT] = {place_rows, lease_rows, length_rows, report_rows},
    [ETCD_LEASE_KEEPALIVE] = {place_rows, lease_rows, length_rows, report_rows},
};

void etcd_rows_join(enum etcd_kind kind, struct option_row ret_rows[ETCD_ROWS_MAX]) {
    size_t count = 0;

    for (size_t i = 0; i < GROUPS_MAX && groups[kind][i] != NULL; i++) {
        for (const struct option_row *row = groups[kind][i]; row->name != NULL; row++) {
            ret_rows[count++] = *row;
        }
    }
    ret_rows[count].name = NULL;
}

static const char *const openings[] = {
    [ETCD_PUT] = "larder bench put - puts on a server of etcd's API, by gRPC\n\n"
                 "usage: larder bench put [OPTIONS]\n",
    [ETCD_RANGE] =
        "larder bench range - reads from a server of etcd's API, by gRPC\n\n"
        "usage: larder bench range [OPTIONS] [KEY [RANGE_END]]\n\n"
        "Without KEY each request asks for one of the keys that `larder bench put` with the same options for\n"
        "keys has put. The answers are compared with the first one: as many keys, and a value of that size.\n",
    [ETCD_TXN] = "larder bench txn - transactions of puts on a server of etcd's API, by gRPC\n\n"
                 "usage: larder bench txn [OPTIONS]\n",
    [ETCD_WATCH] =
        "larder bench watch - watchers on a server of etcd's API, by gRPC, and the events they get\n\n"
        "usage: larder bench watch [OPTIONS]\n\n"
        "What is counted are events: each put is delivered to every watcher of its key. Latency is the time\n"
        "from the put's sending to its event's arrival. With --put-total 0 the watchers are held, and the\n"
        "memory that each takes in the server is told.\n",
    [ETCD_LEASE_GRANT] = "larder bench lease - leases of a server of etcd's API, by gRPC\n\n"
                         "usage: larder bench lease grant|keepalive [OPTIONS]\n\n"
                         "grant      a new lease with each request\n"
                         "keepalive  a lease and a stream for each client, kept alive over and over\n",
};

static const char *const examples[] = {
    [ETCD_PUT] =
        "  larder bench put --conns 100 --clients 1000 --total 100000 --key-space-size 100000 --val-size 256\n"
        "  larder bench put --endpoints 10.0.0.1:2379,10.0.0.2:2379 --target-leader --rate 1000 --duration 1m\n",
    [ETCD_RANGE] = "  larder bench range foo --consistency=s --conns 100 --clients 1000 --total 1000000\n"
                   "  larder bench range a b --limit 10 --duration 10s --json\n",
    [ETCD_TXN] = "  larder bench txn --txn-ops 10 --key-space-size 1000 --clients 100 --conns 10\n"
                 "  larder bench txn --endpoints 127.0.0.1:2379 --vs 127.0.0.1:11211 --duration 5s\n",
    [ETCD_WATCH] =
        "  larder bench watch --conns 10 --streams 10 --watch-per-stream 100 --put-rate 100 --put-total 1000\n"
        "  larder bench watch --conns 10 --streams 100 --watch-per-stream 1000 --put-total 0\n",
    [ETCD_LEASE_GRANT] = "  larder bench lease grant --conns 10 --clients 100\n"
                         "  larder bench lease keepalive --conns 10 --clients 1000 --duration 10s\n",
};

void etcd_rows_print_help(enum etcd_kind kind) {
    struct option_row rows[ETCD_ROWS_MAX];

    etcd_rows_join(kind, rows);
    printf("%s\nThe options have the names and the defaults of etcd's own benchmark where that has them.\n\noptions:\n",
           openings[kind]);
    options_print(rows, stdout);
    printf(
        "\nexamples:\n%s\nExit codes: 0 measured, 1 failed, or an answer was no good, 2 the arguments make no sense.\n",
        examples[kind]);
}
