/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_CHANGE_H
#define LARDER_STORE_LOCAL_CHANGE_H

#include "store/local/internal.h"

/* Changes of keys within the open batch. A status other than OK has changed nothing, unless batch.broken is set. */

/* What the writer sees: the batch so far, and what the call at hand has done. */
static inline struct view batch_view(struct local *s) {
    return (struct view){
        .store = s,
        .reader = s->batch.reader,
        .checkpointed = s->checkpointed,
        .revision = s->batch.main,
    };
}

/* What is missing of something that was begun leaves a batch that is good for nothing. */
static inline enum store_status batch_written(struct batch *b, enum store_status status) {
    if (status != STORE_OK) {
        b->broken = true;
    }
    return status;
}

/* Declares a revision compacted. */
enum store_status batch_compact(struct batch *b, int64_t revision);

/* Its lease, and the key if something of it shall stay, are there. */
enum store_status change_put(struct local *s, const struct store_put *put, struct arena *arena,
                             struct store_result *result);

enum store_status change_delete(struct local *s, const struct store_delete *op, struct arena *arena,
                                struct store_result *result);

/* Deletes one key that exists. */
enum store_status change_delete_entry(struct local *s, struct key_entry *e);

/* The rest of a GRANT and a REVOKE; what stands against one of them goes into the call's status. */
enum store_status change_grant(struct local *s, struct store_call *call);
enum store_status change_revoke(struct local *s, struct store_call *call);

/* A NOTE; likewise. */
enum store_status change_note(struct local *s, struct store_call *call);

#endif
