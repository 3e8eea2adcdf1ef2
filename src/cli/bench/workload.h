/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_WORKLOAD_H
#define LARDER_CLI_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/config.h"
#include "cli/bench/trace.h"

/* What a worker asks for next. */
struct work {
    bool is_set;
    uint32_t size; /* of the value to set; in a replay also of the value a get hopes for */
    uint64_t key;
};

enum workload_kind {
    WORKLOAD_MIX,     /* gets and sets as configured, without end */
    WORKLOAD_PREFILL, /* each key once, set */
    WORKLOAD_REPLAY,  /* the trace once; gets that miss are followed by a set (the connection does that) */
};

/* One worker's share of a load. Several workers split the keys of a prefill and the objects of a trace among them. */
struct workload {
    enum workload_kind kind;
    const struct bench_config *config;
    const struct trace *trace;
    struct random random;
    struct key_source source;
    uint64_t at; /* next key of the prefill, next entry of the trace */
    uint64_t worker;
};

/* `trace` is read only by WORKLOAD_REPLAY. */
void workload_init(struct workload *w, enum workload_kind kind, const struct bench_config *config,
                   const struct trace *trace, uint64_t worker);

/* False: there is nothing left to ask. */
bool workload_next(struct workload *w, struct work *ret_work);

/* One more key for a get of several. */
uint64_t workload_next_key(struct workload *w);

/* How many requests this workload holds in all, over all workers; 0 when it has no end. */
uint64_t workload_total(enum workload_kind kind, const struct bench_config *config, const struct trace *trace);

/* The size of the value of a key: always the same for the same key, evenly spread over the configured range. */
uint32_t workload_value_size(const struct bench_config *config, uint64_t key);

#endif
