/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/walk.h"

enum { PURGED_AT_A_TIME = 32 };

/* The next buckets of the shard where the walk is, locked; from `*ret_from` until before *ret_to. NULL: it is over. */
static struct shard *next_buckets(struct table *t, struct table_walk *walk, size_t *ret_from, size_t *ret_to) {
    struct shard *s;

    if (walk->shard == t->shard_count) {
        return NULL;
    }
    s = &t->shards[walk->shard];
    pthread_mutex_lock(&s->lock);
    *ret_from = walk->bucket;
    *ret_to = s->index.buckets;
    if (*ret_to - *ret_from > TABLE_WALK_BUCKETS) {
        *ret_to = *ret_from + TABLE_WALK_BUCKETS;
        walk->bucket = *ret_to;
    } else {
        walk->bucket = 0;
        walk->shard++;
    }
    return s;
}

bool table_walk_step(struct table *t, struct table_walk *walk, void (*visit)(void *ctx, struct entry *entry),
                     void *ctx) {
    size_t from;
    size_t to;
    struct shard *s = next_buckets(t, walk, &from, &to);

    if (s == NULL) {
        return false;
    }
    for (size_t i = from; i < to; i++) {
        index_visit(&s->index, i, visit, ctx);
    }
    table_unlock(s);
    return true;
}

/* Entries that are to be taken out: an index is not to be changed while it is gone over. */
struct purge {
    bool (*matches)(void *ctx, struct entry *entry);
    void *ctx;
    struct entry *found[PURGED_AT_A_TIME];
    size_t count;
};

static void find(void *ctx, struct entry *entry) {
    struct purge *purge = ctx;

    if (purge->count < PURGED_AT_A_TIME && purge->matches(purge->ctx, entry)) {
        purge->found[purge->count++] = entry;
    }
}

static void purge_bucket(struct shard *s, size_t bucket, struct purge *purge) {
    do {
        purge->count = 0;
        index_visit(&s->index, bucket, find, purge);
        for (size_t i = 0; i < purge->count; i++) {
            shard_remove(s, hash_key(entry_key(purge->found[i]), s->seed), purge->found[i]);
        }
    } while (purge->count == PURGED_AT_A_TIME);
}

bool table_purge_step(struct table *t, struct table_walk *walk, bool (*matches)(void *ctx, struct entry *entry),
                      void *ctx) {
    struct purge purge = {.matches = matches, .ctx = ctx};
    size_t from;
    size_t to;
    struct shard *s = next_buckets(t, walk, &from, &to);

    if (s == NULL) {
        return false;
    }
    for (size_t i = from; i < to; i++) {
        purge_bucket(s, i, &purge);
    }
    table_unlock(s);
    return true;
}
