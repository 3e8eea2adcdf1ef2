/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

/* Brings to LMDB all that is not there, and deletes there all that is to be deleted, or nothing would be gained. */
static enum store_status settle_all(struct local *s) {
    enum store_status status = STORE_OK;

    while (status == STORE_OK && checkpoint_is_wanted(s)) {
        status = checkpoint(s);
    }
    return status;
}

void local_defragment(struct local *s, struct store_call *call) {
    bool unsure = false;

    call->result.kind = call->op.kind;
    call->revision = atomic_load(&s->committed);
    call->status = s->failed ? STORE_IO : settle_all(s);
    if (call->status == STORE_OK) {
        call->status = disk_defragment(&s->disk, &unsure);
    }
    if (unsure) {
        s->failed = true;
    }
}
