/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_WATCH_H
#define LARDER_STORE_LOCAL_WATCH_H

#include <pthread.h>

#include "store/engine.h"

struct local;

/* The watchers. A watcher holds no events: it knows from which revision to which there may be some for it, and reads them
 * from the store when it is asked. So a slow one costs nothing but its place.
 *
 * The writer marks watchers before it publishes the revision and wakes them afterwards; a watcher that is asked loads the
 * published revision before it looks at its marks. So whatever is published and not marked holds nothing for it. */
struct watch_set {
    pthread_mutex_t lock;
    struct local_watcher **slots; /* those of one key, by hash */
    size_t slot_count;            /* a power of two, or 0 */
    struct local_watcher *ranges;
    struct local_watcher *marked; /* to be woken */
    size_t count;
    size_t single_count;
    int64_t marked_revision; /* up to which the writer has marked */
};

void watch_set_init(struct watch_set *set);
void watch_set_fini(struct watch_set *set);

/* The writer: before and after a revision is published. */
void watch_mark(struct watch_set *set, const struct kv_event *events, size_t count, int64_t revision);
void watch_wake(struct watch_set *set);

/* The oldest revision that a watcher has still to read, of those not below `oldest`; INT64_MAX: none. */
int64_t watch_oldest(struct watch_set *set, int64_t oldest);

size_t watch_count(struct watch_set *set);

/* As in store.h. */
struct store_watcher *local_watch_open(struct store *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                       void *ctx, enum store_status *ret_status, int64_t *ret_revision);
void local_watcher_next(struct store_watcher *w, size_t max_bytes, struct store_batch *ret_batch);
void local_watcher_close(struct store_watcher *w);

#endif
