/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/random.h"
#include "cache/sweep.h"

enum {
    SHARDS_MAX = 64,
    SHARD_BYTES_MIN = 16 << 20, /* more shards only when each still gets this much */
    ITEMS_PER_SHARD_MIN = 4,    /* or this many items of the largest size */
    SEGMENT_BYTES_MAX = 64 << 10,
    SEGMENT_BYTES_MIN = 16 << 10,
    SEGMENTS_PER_SHARD = 256,
    HASH_BITS = 64,
};

static unsigned choose_shards(const struct table_config *config) {
    unsigned shards = 1;

    while (shards < SHARDS_MAX && config->memory / (shards * 2) >= SHARD_BYTES_MIN &&
           config->memory / (shards * 2) >= config->max_item * ITEMS_PER_SHARD_MIN) {
        shards *= 2;
    }
    return shards;
}

static size_t choose_segment_size(uint64_t budget) {
    size_t size = SEGMENT_BYTES_MIN;

    while (size < SEGMENT_BYTES_MAX && budget / (size * 2) >= SEGMENTS_PER_SHARD) {
        size *= 2;
    }
    return size;
}

/* Each shard begins somewhere else. */
static uint64_t first_cas(uint64_t seed, unsigned shard) {
    struct random random;

    if (seed == 0) {
        return 0;
    }
    random_init(&random, seed + shard);
    return random_next(&random) >> (64 - TABLE_CAS_BITS);
}

enum larder_error table_init(struct table *t, const struct table_config *config) {
    uint64_t budget;

    *t = (struct table){.seed = config->seed};
    if (config->memory < TABLE_MEMORY_MIN || config->memory / ITEMS_PER_SHARD_MIN < config->max_item) {
        return LARDER_ERROR_INVALID;
    }
    t->shard_count = choose_shards(config);
    t->shard_shift = HASH_BITS - (unsigned)__builtin_ctz(t->shard_count);
    t->shards = aligned_alloc(_Alignof(struct shard), t->shard_count * sizeof(struct shard));
    if (t->shards == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    budget = config->memory / t->shard_count;
    for (unsigned i = 0; i < t->shard_count; i++) {
        enum larder_error error = shard_init(&t->shards[i], budget, choose_segment_size(budget), t->seed);

        if (error != LARDER_OK) {
            t->shard_count = i;
            table_fini(t);
            return error;
        }
        t->shards[i].cas = first_cas(config->cas_seed, i);
    }
    return LARDER_OK;
}

void table_fini(struct table *t) {
    for (unsigned i = 0; i < t->shard_count; i++) {
        shard_fini(&t->shards[i]);
    }
    free(t->shards);
    *t = (struct table){0};
}

void table_clear(struct table *t) {
    for (unsigned i = 0; i < t->shard_count; i++) {
        struct shard *s = &t->shards[i];

        pthread_mutex_lock(&s->lock);
        shard_clear(s);
        pthread_mutex_unlock(&s->lock);
    }
}

/* One step in the shard where the sweeper is. */
static void sweep_here(struct table *t, uint32_t now) {
    struct shard *s = &t->shards[t->sweep_shard];

    pthread_mutex_lock(&s->lock);
    if (!t->sweep_begun) {
        sweep_begin(s);
    }
    t->sweep_begun = sweep_step(s, now);
    pthread_mutex_unlock(&s->lock);
}

bool table_sweep_some(struct table *t, uint32_t now, unsigned steps) {
    while (steps-- > 0) {
        sweep_here(t, now);
        if (!t->sweep_begun && ++t->sweep_shard == t->shard_count) {
            t->sweep_shard = 0;
            return false;
        }
    }
    return true;
}

void table_sweep(struct table *t, uint32_t now) {
    while (table_sweep_some(t, now, t->shard_count)) {
    }
}

static void add_counts(struct shard_counts *sum, const struct shard_counts *c) {
    sum->stored += c->stored;
    sum->evicted_small += c->evicted_small;
    sum->evicted_main += c->evicted_main;
    sum->evicted_unfetched += c->evicted_unfetched;
    sum->expired += c->expired;
    sum->expired_unfetched += c->expired_unfetched;
    sum->refused += c->refused;
    sum->moved += c->moved;
}

static void add_shard(struct table_stats *sum, const struct shard *s) {
    const struct queue *small = &s->queues[QUEUE_SMALL];
    const struct queue *main_queue = &s->queues[QUEUE_MAIN];

    sum->memory_limit += s->budget;
    sum->memory_used += s->charged;
    sum->memory_large += s->large_bytes;
    sum->memory_index += s->index_bytes;
    sum->memory_ghost += s->ghost_bytes + s->ghost_fund;
    sum->memory_spare += (s->spares + 1) * s->segment_size + s->large_spare_bytes;
    sum->memory_dead += small->dead + main_queue->dead;
    sum->memory_live += s->live_bytes;
    sum->small_bytes += small->bytes;
    sum->main_bytes += main_queue->bytes;
    sum->items += s->index.items;
    add_counts(&sum->counts, &s->counts);
}

void table_get_stats(struct table *t, struct table_stats *ret_stats) {
    *ret_stats = (struct table_stats){0};
    for (unsigned i = 0; i < t->shard_count; i++) {
        struct shard *s = &t->shards[i];

        pthread_mutex_lock(&s->lock);
        add_shard(ret_stats, s);
        pthread_mutex_unlock(&s->lock);
    }
    ret_stats->memory_segments = ret_stats->memory_used - ret_stats->memory_large - ret_stats->memory_index -
                                 ret_stats->memory_ghost - ret_stats->memory_spare;
}
