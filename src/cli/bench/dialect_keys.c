/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/dialect_keys.h"

#include "cli/bench/connection.h"
#include "cli/bench/worker.h"

size_t dialect_keys_request_max(const struct load *load) {
    return encode_max(&load->encoder, load->config->keys_per_get, load->value_max);
}

bool dialect_keys_take(struct connection *c, struct pending *p) {
    if (c->refilling) {
        c->refilling = false;
        p->work = c->refill;
        return true;
    }
    return workload_next(&c->worker->workload, &p->work);
}

char *dialect_keys_encode(struct connection *c, char *at, struct pending *p) {
    struct worker *worker = c->worker;
    const struct encoder *encoder = &worker->load->encoder;
    uint64_t keys[BENCH_KEYS_PER_GET_MAX];
    uint64_t count = worker->load->config->keys_per_get;

    if (p->work.is_set) {
        return encode_set(encoder, at, p->work.key, p->work.size);
    }
    if (count == 1) {
        return encode_get(encoder, at, p->work.key);
    }
    keys[0] = p->work.key;
    for (uint64_t i = 1; i < count; i++) {
        keys[i] = workload_next_key(&worker->workload);
    }
    return encode_get_many(encoder, at, keys, count);
}
