/* SPDX-License-Identifier: Apache-2.0 */
#include "s3memory.h"

#include "alloc.h"

#define UNKNOWN UINT32_MAX
#define LEAST_SHARE 0.01

void s3memory_init(struct s3memory *memory, const struct s3params *params, uint64_t capacity, uint32_t objects) {
    *memory = (struct s3memory){
        .params = *params,
        .capacity = (double)capacity,
        .target = params->small * (double)capacity,
        .small.stamps = need_zeroed(objects, sizeof(uint32_t)),
        .main.stamps = need_zeroed(objects, sizeof(uint32_t)),
    };
}

void s3memory_fini(struct s3memory *memory) {
    free(memory->small.stamps);
    free(memory->main.stamps);
}

void s3memory_evicted(struct s3memory *memory, uint32_t id, bool from_main) {
    struct ghost *g = from_main ? &memory->main : &memory->small;
    g->stamps[id] = ++g->clock;
}

/* Evictions since that of `id`, which is forgotten; UNKNOWN if it is not remembered. */
static uint32_t take_age(struct ghost *g, uint32_t id) {
    uint32_t stamp = g->stamps[id];
    g->stamps[id] = 0;
    return stamp ? g->clock - stamp : UNKNOWN;
}

/* An object that returns soon after its eviction would have been a hit, had the queue that it left been longer. */
static void adapt(struct s3memory *m, uint32_t size, uint32_t live, uint32_t small_age, uint32_t main_age) {
    double fresh = m->params.window * live;
    if (small_age < fresh) {
        m->target += m->params.adapt * size;
    }
    if (main_age < fresh) {
        m->target -= m->params.adapt * size;
    }
    double least = LEAST_SHARE * m->capacity, most = m->params.most * m->capacity;
    m->target = m->target < least ? least : m->target > most ? most : m->target;
}

bool s3memory_missed(struct s3memory *m, uint32_t id, uint32_t size, uint32_t live) {
    uint32_t small_age = take_age(&m->small, id), main_age = take_age(&m->main, id);
    if (m->params.adapt > 0) {
        adapt(m, size, live, small_age, main_age);
    }
    return small_age < m->params.ghost * (1 - m->params.small) * live;
}
