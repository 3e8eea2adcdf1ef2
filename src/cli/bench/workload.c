/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/workload.h"

/* Neighbouring keys fall to different workers, equal ones to the same, so that their order holds. */
static uint64_t mix_bits(uint64_t x) {
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ (x >> 29);
}

void workload_init(struct workload *w, enum workload_kind kind, const struct bench_config *config,
                   const struct trace *trace, uint64_t worker) {
    *w = (struct workload){.kind = kind, .config = config, .trace = trace, .worker = worker};
    random_init(&w->random, config->seed * UINT64_C(0x9e3779b97f4a7c15) + worker);
    key_source_init(&w->source, config->distribution, config->keys, worker * (config->keys / config->threads));
    if (kind == WORKLOAD_PREFILL) {
        w->at = worker;
    }
}

uint32_t workload_value_size(const struct bench_config *config, uint64_t key) {
    uint64_t span = config->value_size.max - config->value_size.min + 1;

    return (uint32_t)(config->value_size.min + (span == 1 ? 0 : mix_bits(key + 1) % span));
}

uint64_t workload_next_key(struct workload *w) {
    return key_source_next(&w->source, &w->random);
}

static bool draw_is_set(struct workload *w) {
    const struct mix *mix = &w->config->mix;

    if (mix->get == 0 || mix->set == 0) {
        return mix->get == 0;
    }
    return random_below(&w->random, mix->get + mix->set) >= mix->get;
}

static bool next_of_trace(struct workload *w, struct work *ret_work) {
    while (w->at < w->trace->count) {
        const struct trace_entry *entry = &w->trace->entries[w->at++];

        if (mix_bits(entry->key) % w->config->threads == w->worker) {
            *ret_work = (struct work){.is_set = entry->is_write, .size = entry->size, .key = entry->key};
            return true;
        }
    }
    return false;
}

bool workload_next(struct workload *w, struct work *ret_work) {
    switch (w->kind) {
    case WORKLOAD_REPLAY:
        return next_of_trace(w, ret_work);
    case WORKLOAD_PREFILL:
        if (w->at >= w->config->keys) {
            return false;
        }
        ret_work->is_set = true;
        ret_work->key = w->at;
        w->at += w->config->threads;
        break;
    case WORKLOAD_MIX:
        ret_work->is_set = draw_is_set(w);
        ret_work->key = workload_next_key(w);
        break;
    }
    ret_work->size = ret_work->is_set ? workload_value_size(w->config, ret_work->key) : 0;
    return true;
}

uint64_t workload_total(enum workload_kind kind, const struct bench_config *config, const struct trace *trace) {
    switch (kind) {
    case WORKLOAD_PREFILL:
        return config->keys;
    case WORKLOAD_REPLAY:
        return trace->count;
    case WORKLOAD_MIX:
        break;
    }
    return 0;
}
