/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/tally.h"

#include "cli/bench/connection.h"
#include "cli/bench/worker.h"

void tally_copy_text(struct slice text, char *ret_text, size_t room) {
    size_t size = text.size < room ? text.size : room - 1;

    for (size_t i = 0; i < size; i++) {
        ret_text[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    }
    ret_text[size] = '\0';
}

/* False: it does not count. */
static bool tally(struct worker *worker, const struct pending *p) {
    struct stats *stats = &worker->stats;

    if (!p->counted || worker->phase != PHASE_MEASURE) {
        return false;
    }
    stats->requests++;
    histogram_record(&stats->latency, (uint64_t)(worker->now_ns - p->start_ns));
    stats->gets += !p->work.is_set;
    stats->sets += p->work.is_set;
    return true;
}

void tally_answer(struct worker *worker, const struct pending *p, uint64_t hits) {
    struct stats *stats = &worker->stats;

    if (tally(worker, p) && !p->work.is_set) {
        stats->hits += hits;
        stats->misses += worker->load->config->keys_per_get - hits;
        stats->bytes_asked += p->work.size;
        stats->bytes_missed += hits == 0 ? p->work.size : 0;
    }
}

void tally_error(struct worker *worker, const struct pending *p, struct slice text) {
    struct stats *stats = &worker->stats;

    if (!tally(worker, p)) {
        return;
    }
    stats->errors++;
    if (stats->first_error[0] == '\0') {
        tally_copy_text(text, stats->first_error, sizeof(stats->first_error));
    }
}

void tally_value(struct worker *worker, const struct pending *p, uint64_t size) {
    const struct bench_config *config = worker->load->config;

    if (!config->prefill) {
        return;
    }
    if (config->keys_per_get == 1 ? size != workload_value_size(config, p->work.key)
                                  : size < config->value_size.min || size > config->value_size.max) {
        worker->stats.wrong_sizes++;
    }
}
