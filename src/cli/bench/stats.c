/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/stats.h"

#include <string.h>

void stats_init(struct stats *s) {
    memset(s, 0, sizeof(*s));
    histogram_init(&s->latency);
}

void stats_merge(struct stats *s, const struct stats *other) {
    s->requests += other->requests;
    s->gets += other->gets;
    s->sets += other->sets;
    s->hits += other->hits;
    s->misses += other->misses;
    s->errors += other->errors;
    s->wrong_sizes += other->wrong_sizes;
    s->bytes_read += other->bytes_read;
    s->bytes_written += other->bytes_written;
    s->bytes_asked += other->bytes_asked;
    s->bytes_missed += other->bytes_missed;
    histogram_merge(&s->latency, &other->latency);
    if (s->first_error[0] == '\0') {
        memcpy(s->first_error, other->first_error, sizeof(s->first_error));
    }
}
