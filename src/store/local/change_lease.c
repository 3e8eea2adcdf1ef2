/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/local/change.h"

static int64_t choose_id(struct local *s) {
    int64_t id;

    do {
        id = (int64_t)(random_next(&s->random) >> 1);
    } while (id == 0 || lease_find(&s->leases, id) != NULL);
    return id;
}

/* For the journal, and for the checkpoint that follows some time. A time to live of 0 is the end. */
static enum store_status note_lease(struct local *s, int64_t id, int64_t ttl) {
    const struct journal_item item = {
        .kind = ttl > 0 ? JOURNAL_LEASE : JOURNAL_LEASE_END,
        .number = id,
        .other = ttl,
    };

    if (!lease_changes_add(&s->lease_changes, id, ttl)) {
        return batch_written(&s->batch, STORE_NO_MEMORY);
    }
    return batch_written(&s->batch, journal_add(&s->batch.entry, &item));
}

enum store_status change_grant(struct local *s, struct store_call *call) {
    int64_t id = call->op.lease.id != 0 ? call->op.lease.id : choose_id(s);
    int64_t ttl = lease_ttl_granted(call->op.lease.ttl);
    struct lease *lease;

    if (lease_find(&s->leases, id) != NULL) {
        call->status = STORE_LEASE_EXISTS;
        return STORE_OK;
    }
    if (!batch_reserve_lease(&s->batch)) {
        return STORE_NO_MEMORY;
    }
    lease = lease_add(&s->leases, id, ttl, s->config.now_ns());
    if (lease == NULL) {
        return STORE_NO_MEMORY;
    }
    s->batch.granted[s->batch.granted_count++] = lease;
    s->batch.dirty = true;
    call->result.lease = id;
    call->result.ttl = ttl;
    call->result.granted_ttl = ttl;
    return note_lease(s, id, ttl);
}

static int compare_entries(const void *a, const void *b) {
    return slice_compare(key_entry_key(*(struct key_entry *const *)a), key_entry_key(*(struct key_entry *const *)b));
}

enum store_status apply_lease_end(struct local *s, struct lease *lease) {
    size_t count = lease->key_count;
    struct key_entry **entries = malloc((count + 1) * sizeof(struct key_entry *));
    enum store_status status;
    size_t at = 0;

    if (entries == NULL || !batch_reserve_lease(&s->batch)) {
        free(entries);
        return STORE_NO_MEMORY;
    }
    for (struct key_entry *e = lease->keys; e != NULL; e = e->lease_next) {
        entries[at++] = e;
    }
    qsort(entries, count, sizeof(*entries), compare_entries);
    s->batch.ended[s->batch.ended_count++] = lease;
    s->batch.dirty = true;
    lease_set_ending(&s->leases, lease, true);
    status = note_lease(s, lease->id, 0);
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        status = batch_written(&s->batch, change_delete_entry(s, entries[i]));
    }
    free(entries);
    return status;
}

enum store_status change_revoke(struct local *s, struct store_call *call) {
    struct lease *lease = lease_find(&s->leases, call->op.lease.id);

    if (lease == NULL) {
        call->status = STORE_LEASE_NOT_FOUND;
        return STORE_OK;
    }
    return apply_lease_end(s, lease);
}
