/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_WATCH_H
#define LARDER_STORE_LOCAL_WATCH_H

#include "store/engine.h"
#include "store/watch_set.h"

struct local;

/* The watchers. The writer marks them before it publishes the revision and wakes them afterwards; a watcher that is asked
 * loads the published revision before it looks at its marks. So whatever is published and not marked holds nothing for it. */
struct watchers {
    struct watch_set set;
    int64_t marked_revision; /* up to which the writer has marked; under the lock of the set */
};

void watchers_init(struct watchers *watchers);
void watchers_fini(struct watchers *watchers);

/* The writer: before and after a revision is published. */
void watch_mark(struct watchers *watchers, const struct kv_event *events, size_t count, int64_t revision);
void watch_wake(struct watchers *watchers);

/* The oldest revision that a watcher has still to read, of those not below `oldest`; INT64_MAX: none. */
int64_t watch_oldest(struct watchers *watchers, int64_t oldest);

size_t watch_count(struct watchers *watchers);

/* As in store.h. */
struct store_watcher *local_watch_open(struct store *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                       void *ctx, enum store_status *ret_status, int64_t *ret_revision);
void local_watcher_next(struct store_watcher *w, size_t max_bytes, struct store_batch *ret_batch);
void local_watcher_close(struct store_watcher *w);

#endif
