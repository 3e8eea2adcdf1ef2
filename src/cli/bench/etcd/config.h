/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_CONFIG_H
#define LARDER_CLI_BENCH_ETCD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/bench/config.h"
#include "cli/options.h"
#include "net/address.h"

enum {
    ETCD_ENDPOINTS_MAX = 64,
    ETCD_CLIENTS_MAX = 1000000,
    ETCD_VALUE_MAX = 64 << 20,
    ETCD_TXN_OPS_MAX = 10000,
    ETCD_WATCHERS_MAX = 10000000,
    ETCD_TOKEN_MAX = 1024, /* with its NUL */
};

enum etcd_kind {
    ETCD_PUT,
    ETCD_RANGE,
    ETCD_TXN,
    ETCD_WATCH,
    ETCD_LEASE_GRANT,
    ETCD_LEASE_KEEPALIVE,
};

struct etcd_endpoints {
    struct address addresses[ETCD_ENDPOINTS_MAX];
    size_t count;
};

/* What `larder bench put|range|txn|watch|lease` was told. The words are those of etcd's own benchmark. */
struct etcd_config {
    enum etcd_kind kind;
    struct etcd_endpoints target;
    struct etcd_endpoints rival; /* --vs; none without it */
    bool target_leader;
    const char *user;    /* NAME:PASSWORD, or NULL */
    uint64_t server_pid; /* 0: look for the process that listens there, as the next one */
    uint64_t rival_pid;
    uint64_t rounds;

    uint64_t conns;
    uint64_t clients;
    uint64_t threads;
    uint64_t total; /* requests to measure; 0: until duration_ns */
    int64_t duration_ns;
    int64_t warmup_ns;
    int64_t patience_ns; /* the run is given up when nothing came for so long */
    uint64_t rate;       /* requests per second; 0: as fast as it goes */

    const char *key_prefix;
    uint64_t key_size; /* without the prefix */
    uint64_t value_size;
    uint64_t key_space; /* different keys */
    bool sequential;
    uint64_t seed;

    const char *key; /* range: the key; NULL: drawn as those of put are */
    const char *range_end;
    uint64_t limit;
    bool count_only;
    bool serializable;
    bool all_there; /* range without a key: every key that is drawn has to be there, with a value of value_size */

    uint64_t txn_ops;

    uint64_t streams;
    uint64_t watch_per_stream;
    uint64_t put_total; /* 0: the watchers are idle, for hold_ns */
    int64_t hold_ns;

    uint64_t ttl; /* seconds of a lease */

    struct pins pins;
    bool json;
    bool quiet;
};

/* Reads the arguments behind `larder bench`, argv[0] being the kind, defaults included, and checks that they make sense
 * together. OPTIONS_WRONG: explained on standard error. OPTIONS_HELP: kind is set. Texts are borrowed from argv. */
enum options_outcome etcd_config_read(int argc, char **argv, struct etcd_config *ret_config);

/* Whether the word is a kind of load: put, range, txn, watch or lease. */
bool etcd_config_is_kind(const char *word);

/* "put", "lease keepalive", ... */
const char *etcd_kind_name(enum etcd_kind kind);

/* How many watchers there are in all. */
uint64_t etcd_config_watchers(const struct etcd_config *config);

/* Writes key `number`, key_size digits, to `ret_digits`; no NUL. The prefix is not written. */
void etcd_config_write_key(const struct etcd_config *config, uint64_t number, char *ret_digits);

#endif
