/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_KEEPER_INTERNAL_H
#define LARDER_STORE_ETCD_KEEPER_INTERNAL_H

#include "store/etcd/keeper.h"

/* What the files of keeper.h share. */

enum {
    KEEPER_BUCKETS = 1024, /* to find a lease by its number */
    RENEWALS_PER_TTL = 3,
};

struct etcd_kept {
    struct etcd_keeper *keeper; /* NULL: the cluster says that it is over */
    struct etcd_kept *next;     /* of all */
    struct etcd_kept *previous;
    struct etcd_kept *next_in_bucket;
    int64_t lease;
    int64_t ttl;       /* seconds */
    int64_t alive_ns;  /* from when its time counts */
    int64_t asked_ns;  /* of the request that is not answered yet */
    uint64_t asked_at; /* the place of that request among all of the keeper; 0: there is none */
    bool over;         /* told so, not for certain */
    bool freed;        /* by the last holder */
    unsigned holders;
    struct etcd_kept_events events;
    void *ctx;
};

struct etcd_keeper {
    struct etcd_client *client;
    int64_t (*now_ns)(void *clock);
    void *clock;
    struct etcd_stream *stream; /* NULL: there is no lease to keep */
    bool open;                  /* a call stands */
    int64_t heard_ns;           /* when something came on it last */
    uint64_t asked;             /* renewals sent */
    struct etcd_kept *first;
    struct etcd_kept *cursor; /* the next one in etcd_keeper_run */
    struct etcd_kept *buckets[KEEPER_BUCKETS];
    struct arena arena; /* of the message at hand */
};

static inline int64_t keeper_now(const struct etcd_keeper *keeper) {
    return keeper->now_ns(keeper->clock);
}

/* --- keeper.c --- */

/* The cluster says that it is over: it leaves the keeper and is told. */
void keeper_end(struct etcd_kept *kept);

static inline void keeper_hold(struct etcd_kept *kept) {
    kept->holders++;
}

void keeper_let_go(struct etcd_kept *kept);

/* Its first renewal is due at once, its time passes then; by the keeper's clock. */
int64_t keeper_third_ns(const struct etcd_kept *kept);
int64_t keeper_end_ns(const struct etcd_kept *kept);

/* --- keeper_stream.c --- */

/* False: no memory. */
bool keeper_stream_open(struct etcd_keeper *keeper);
void keeper_stream_close(struct etcd_keeper *keeper);

/* Asks for a renewal; where that cannot be sent the call is given up. */
void keeper_stream_ask(struct etcd_kept *kept, int64_t now_ns);

/* Nothing comes: begins again elsewhere. */
void keeper_stream_distrust(struct etcd_keeper *keeper, const char *why);

#endif
