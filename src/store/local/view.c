/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

/* Whether the snapshot, which was taken before the index was locked, fits what the index says now: all that it calls
 * checkpointed is in the snapshot, and the noted revision is not history by now. */
static bool fits(const struct local *s, const struct view *v) {
    return atomic_load(&s->checkpointed) == v->checkpointed && v->revision >= atomic_load(&s->compacted);
}

enum store_status view_begin(struct local *s, struct view *ret_view) {
    struct view *v = ret_view;

    for (;;) {
        enum store_status status;

        *v = (struct view){
            .store = s,
            .revision = atomic_load(&s->committed),
            .checkpointed = atomic_load(&s->checkpointed),
        };
        status = disk_read_begin(&s->disk, &v->reader);
        if (status != STORE_OK) {
            return status;
        }
        pthread_rwlock_rdlock(&s->index_lock);
        if (fits(s, v)) {
            v->recents = recents_hold(s->recents);
            return STORE_OK;
        }
        pthread_rwlock_unlock(&s->index_lock);
        disk_read_end(&s->disk, v->reader);
    }
}

void view_end(struct view *v) {
    disk_read_end(&v->store->disk, v->reader);
    recents_release(v->recents);
}
