/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_STATS_H
#define LARDER_CLI_BENCH_STATS_H

#include <stdint.h>

#include "base/histogram.h"

enum { STATS_ERROR_MAX = 128 };

/* What one worker, or all of them, counted while it was measured. Requests that began and ended in that time. */
struct stats {
    uint64_t requests; /* gets + sets */
    uint64_t gets;     /* a get of several keys is one */
    uint64_t sets;
    uint64_t hits; /* keys */
    uint64_t misses;
    uint64_t errors;      /* answers that refuse or complain */
    uint64_t wrong_sizes; /* hits that are not as large as what was stored */
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t bytes_asked; /* replay: sizes of the objects that gets hoped for */
    uint64_t bytes_missed;
    struct histogram latency;          /* nanoseconds */
    char first_error[STATS_ERROR_MAX]; /* the server's words; empty without errors */
};

void stats_init(struct stats *s);
void stats_merge(struct stats *s, const struct stats *other);

#endif
