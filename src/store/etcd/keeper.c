/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/keeper.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/etcd/keeper_internal.h"

#define FOREVER_NS (INT64_MAX / 4) /* a time to live that is longer is that long */

struct etcd_keeper *etcd_keeper_new(struct etcd_client *client, int64_t (*now_ns)(void *clock), void *clock) {
    struct etcd_keeper *keeper = calloc(1, sizeof(*keeper));

    if (keeper != NULL) {
        keeper->client = client;
        keeper->now_ns = now_ns;
        keeper->clock = clock;
        arena_init(&keeper->arena, ETCD_MESSAGE_MAX);
    }
    return keeper;
}

void etcd_keeper_free(struct etcd_keeper *keeper) {
    if (keeper != NULL) {
        assert(keeper->first == NULL);
        arena_fini(&keeper->arena);
        free(keeper);
    }
}

/* --- one --- */

static int64_t ttl_ns(const struct etcd_kept *kept) {
    return kept->ttl < FOREVER_NS / CLOCK_NS_PER_S ? kept->ttl * CLOCK_NS_PER_S : FOREVER_NS;
}

int64_t keeper_third_ns(const struct etcd_kept *kept) {
    return ttl_ns(kept) / RENEWALS_PER_TTL;
}

int64_t keeper_end_ns(const struct etcd_kept *kept) {
    return kept->alive_ns + ttl_ns(kept);
}

static struct etcd_kept **bucket_of(struct etcd_keeper *keeper, int64_t lease) {
    return &keeper->buckets[(uint64_t)lease % KEEPER_BUCKETS];
}

static void link_kept(struct etcd_kept *kept) {
    struct etcd_keeper *keeper = kept->keeper;
    struct etcd_kept **bucket = bucket_of(keeper, kept->lease);

    kept->next_in_bucket = *bucket;
    *bucket = kept;
    kept->next = keeper->first;
    if (keeper->first != NULL) {
        keeper->first->previous = kept;
    }
    keeper->first = kept;
}

/* The stream ends with the last one. */
static void unlink_kept(struct etcd_kept *kept) {
    struct etcd_keeper *keeper = kept->keeper;
    struct etcd_kept **place = bucket_of(keeper, kept->lease);

    while (*place != kept) {
        place = &(*place)->next_in_bucket;
    }
    *place = kept->next_in_bucket;
    *(kept->previous != NULL ? &kept->previous->next : &keeper->first) = kept->next;
    if (kept->next != NULL) {
        kept->next->previous = kept->previous;
    }
    if (keeper->cursor == kept) {
        keeper->cursor = kept->next;
    }
    kept->keeper = NULL;
    if (keeper->first == NULL) {
        keeper_stream_close(keeper);
    }
}

struct etcd_kept *etcd_keeper_keep(struct etcd_keeper *keeper, int64_t lease, int64_t ttl, int64_t granted_ns,
                                   const struct etcd_kept_events *events, void *ctx) {
    struct etcd_kept *kept = calloc(1, sizeof(*kept));

    assert(ttl > 0);
    if (kept == NULL || (keeper->stream == NULL && !keeper_stream_open(keeper))) {
        free(kept);
        return NULL;
    }
    *kept = (struct etcd_kept){
        .keeper = keeper,
        .lease = lease,
        .ttl = ttl,
        .alive_ns = granted_ns,
        .events = *events,
        .ctx = ctx,
    };
    link_kept(kept);
    return kept;
}

void keeper_let_go(struct etcd_kept *kept) {
    kept->holders--;
    if (kept->freed && kept->holders == 0) {
        free(kept);
    }
}

void etcd_kept_free(struct etcd_kept *kept) {
    if (kept == NULL) {
        return;
    }
    if (kept->keeper != NULL) {
        unlink_kept(kept);
    }
    keeper_hold(kept);
    kept->freed = true;
    keeper_let_go(kept);
}

void keeper_end(struct etcd_kept *kept) {
    unlink_kept(kept);
    kept->events.on_over(kept->ctx, true);
}

/* --- what is due --- */

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Asks where that is due; an answer that does not come while others do is on its way. */
static void renew(struct etcd_kept *kept, int64_t now_ns) {
    struct etcd_keeper *keeper = kept->keeper;
    int64_t third_ns = keeper_third_ns(kept);

    if (!keeper->open) {
        return;
    }
    if (kept->asked_at != 0) {
        if (now_ns - kept->asked_ns >= third_ns && now_ns - keeper->heard_ns >= third_ns) {
            keeper_stream_distrust(keeper, "leases are not renewed in time");
        }
    } else if (now_ns - kept->alive_ns >= third_ns) {
        keeper_stream_ask(kept, now_ns);
    }
}

/* When it has to be looked at again. Where no call stands, and where an answer is late, that is often enough to see at the
 * next look whether it has become different. */
static int64_t next_look(const struct etcd_kept *kept, int64_t now_ns) {
    int64_t third_ns = keeper_third_ns(kept);
    int64_t next_ns = kept->asked_at != 0 ? kept->asked_ns + third_ns : kept->alive_ns + third_ns;

    if (next_ns <= now_ns) {
        next_ns = now_ns + third_ns;
    }
    return kept->over ? next_ns : sooner(next_ns, keeper_end_ns(kept));
}

/* False: it was let go of. */
static bool look_after(struct etcd_kept *kept, int64_t now_ns) {
    bool stays;

    keeper_hold(kept);
    if (!kept->over && now_ns >= keeper_end_ns(kept)) {
        kept->over = true;
        kept->events.on_over(kept->ctx, false);
    }
    if (kept->keeper != NULL) {
        renew(kept, now_ns);
    }
    stays = kept->keeper != NULL;
    keeper_let_go(kept);
    return stays;
}

int64_t etcd_keeper_run(struct etcd_keeper *keeper) {
    int64_t now_ns = keeper_now(keeper);
    int64_t next_ns = INT64_MAX;

    keeper->cursor = keeper->first;
    while (keeper->cursor != NULL) {
        struct etcd_kept *kept = keeper->cursor;

        keeper->cursor = kept->next;
        if (look_after(kept, now_ns)) {
            next_ns = sooner(next_ns, next_look(kept, now_ns));
        }
    }
    return next_ns;
}
