/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <stdlib.h>

#include "store/local/internal.h"
#include "store/local/snapshot_format.h"

enum {
    PENDING_WANTED = 128 << 10, /* bytes that are made at a time, while the snapshot cannot be taken away */
    PENDING_MAX = PENDING_WANTED + SNAPSHOT_BLOCK_MAX + 2 * SNAPSHOT_BLOCK_HEAD_SIZE,
    SUMMED_MAX = 16384, /* records that are counted at a time, likewise */
};

/* What is made next. */
enum stage { STAGE_START, STAGE_LEASES, STAGE_NOTES, STAGE_DISK, STAGE_RECENT, STAGE_END, STAGE_DONE };

struct snapshot {
    struct store_snapshot base;
    struct local *s;
    struct disk_stay stay;
    struct recents *recents;
    int64_t checkpointed; /* up to here records are in LMDB */
    struct snapshot_head head;
    struct lease_change *leases;
    struct note **notes;
    struct snapshot_counts counts; /* of what there is of each */
    enum stage stage;
    uint64_t next;    /* of the leases, or of the notes */
    int64_t revision; /* the next record of LMDB has these, or follows */
    uint32_t sub;
    const struct recent *recent; /* the next one in memory */
    struct buf pending;          /* made and not read yet, from `at` on */
    size_t at;
    uint64_t left; /* bytes that are still to be read */
    size_t zeros;  /* in the last block */
    EVP_MD_CTX *digest;
    enum store_status status;
};

/* --- what there is --- */

/* On the writer's thread, so all of it is of one moment. */
static void capture(struct local *s, void *ctx) {
    struct snapshot *snapshot = ctx;
    size_t lease_total;
    size_t note_total;
    struct view view;

    snapshot->status = view_begin(s, &view);
    if (snapshot->status != STORE_OK) {
        return;
    }
    pthread_rwlock_unlock(&s->index_lock);
    disk_stay_begin(&s->disk, view.reader, &snapshot->stay);
    snapshot->recents = view.recents;
    snapshot->checkpointed = view.checkpointed;
    snapshot->head = (struct snapshot_head){
        .version = SNAPSHOT_VERSION,
        .revision = view.revision,
        .compact_revision = atomic_load(&s->compacted) > 0 ? atomic_load(&s->compacted) : 0,
        .keys = atomic_load(&s->keys),
    };
    if (!lease_list(&s->leases, &snapshot->leases, &lease_total)) {
        snapshot->status = STORE_NO_MEMORY;
        return;
    }
    snapshot->counts.leases = lease_total;
    if (!note_set_list(&s->notes, &snapshot->notes, &note_total)) {
        snapshot->status = STORE_NO_MEMORY;
        return;
    }
    snapshot->counts.notes = note_total;
}

/* --- how long it is --- */

static enum store_status sum_disk(struct snapshot *snapshot, uint64_t *bytes) {
    struct disk_sum sum = {0};
    enum store_status status = STORE_OK;

    while (!sum.done && status == STORE_OK) {
        MDB_txn *txn = disk_stay_enter(&snapshot->stay);

        if (txn == NULL) {
            return STORE_NO_SPACE;
        }
        status = disk_sum_records(&snapshot->s->disk, txn, snapshot->checkpointed, SUMMED_MAX, &sum);
        disk_stay_leave(&snapshot->stay);
    }
    snapshot->counts.records = sum.count;
    *bytes += sum.bytes;
    return status;
}

static const struct recent *first_recent(const struct snapshot *snapshot) {
    return atomic_load_explicit(&snapshot->recents->first, memory_order_acquire);
}

static const struct recent *next_recent(const struct recent *r) {
    return atomic_load_explicit(&r->next, memory_order_acquire);
}

static enum store_status measure(struct snapshot *snapshot) {
    struct snapshot_counts *counts = &snapshot->counts;
    uint64_t bytes = SNAPSHOT_MAGIC_SIZE + SNAPSHOT_HEAD_SIZE + SNAPSHOT_END_SIZE + SNAPSHOT_DIGEST_SIZE;
    enum store_status status = sum_disk(snapshot, &bytes);
    const struct recent *r = first_recent(snapshot);

    for (; r != NULL && r->revision <= snapshot->head.revision; r = next_recent(r)) {
        counts->records++;
        bytes += r->size;
    }
    for (uint64_t i = 0; i < counts->notes; i++) {
        bytes += SNAPSHOT_NOTE_FIXED_SIZE + snapshot->notes[i]->name_size + snapshot->notes[i]->value_size;
    }
    bytes += counts->leases * SNAPSHOT_LEASE_SIZE + counts->records * SNAPSHOT_RECORD_FIXED_SIZE;
    bytes += (2 + counts->leases + counts->notes + counts->records) * SNAPSHOT_BLOCK_HEAD_SIZE;
    snapshot->zeros =
        (size_t)(SNAPSHOT_MULTIPLE - (bytes - SNAPSHOT_DIGEST_SIZE) % SNAPSHOT_MULTIPLE) % SNAPSHOT_MULTIPLE;
    snapshot->left = bytes + snapshot->zeros;
    return status;
}

/* --- opening and closing --- */

void local_snapshot_close(struct store_snapshot *base) {
    struct snapshot *snapshot = (struct snapshot *)base;

    for (uint64_t i = 0; i < snapshot->counts.notes; i++) {
        note_release(snapshot->notes[i]);
    }
    free(snapshot->notes);
    free(snapshot->leases);
    if (snapshot->recents != NULL) {
        disk_stay_end(&snapshot->stay);
        recents_release(snapshot->recents);
    }
    EVP_MD_CTX_free(snapshot->digest);
    buf_fini(&snapshot->pending);
    free(snapshot);
}

struct store_snapshot *local_snapshot_open(struct store *store, enum store_status *ret_status) {
    struct local *s = local_of(store);
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

    *ret_status = STORE_NO_MEMORY;
    if (snapshot == NULL) {
        return NULL;
    }
    *snapshot = (struct snapshot){.base = {.engine = store->engine}, .s = s, .digest = EVP_MD_CTX_new()};
    buf_init(&snapshot->pending, PENDING_MAX);
    if (snapshot->digest != NULL && EVP_DigestInit_ex(snapshot->digest, EVP_sha256(), NULL) == 1) {
        *ret_status = errand_run(s, capture, snapshot);
    }
    if (*ret_status == STORE_OK) {
        *ret_status = snapshot->status == STORE_OK ? measure(snapshot) : snapshot->status;
    }
    if (*ret_status != STORE_OK) {
        local_snapshot_close(&snapshot->base);
        return NULL;
    }
    snapshot->recent = first_recent(snapshot);
    return &snapshot->base;
}

uint64_t local_snapshot_size(const struct store_snapshot *base) {
    return ((const struct snapshot *)base)->left;
}

/* --- making --- */

static enum store_status put_start(struct snapshot *snapshot) {
    return buf_append(&snapshot->pending, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_SIZE) == LARDER_OK &&
                   snapshot_put_head(&snapshot->pending, &snapshot->head)
               ? STORE_OK
               : STORE_NO_MEMORY;
}

/* Each of these makes some of its part; nothing: the part is over. */
static enum store_status put_leases(struct snapshot *snapshot) {
    bool good = true;

    while (good && snapshot->next < snapshot->counts.leases && snapshot->pending.size < PENDING_WANTED) {
        const struct lease_change *lease = &snapshot->leases[snapshot->next++];

        good = snapshot_put_lease(&snapshot->pending, lease->id, lease->ttl);
    }
    return good ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_status put_notes(struct snapshot *snapshot) {
    bool good = true;

    while (good && snapshot->next < snapshot->counts.notes && snapshot->pending.size < PENDING_WANTED) {
        const struct note *note = snapshot->notes[snapshot->next++];

        good = snapshot_put_note(&snapshot->pending, note_name(note), note_value(note));
    }
    return good ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_status put_disk_record(void *ctx, const struct kv *kv, uint32_t sub, bool *ret_stop) {
    struct snapshot *snapshot = ctx;
    /* The key lies within its record. */
    struct slice record = slice_make(kv->key.data - RECORD_HEADER_SIZE, record_size(kv));

    *ret_stop = kv->mod_revision > snapshot->checkpointed || snapshot->pending.size >= PENDING_WANTED;
    if (*ret_stop) {
        return STORE_OK;
    }
    snapshot->revision = kv->mod_revision;
    snapshot->sub = sub + 1;
    return snapshot_put_record(&snapshot->pending, kv->mod_revision, sub, record) ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_status put_disk(struct snapshot *snapshot) {
    MDB_txn *txn = disk_stay_enter(&snapshot->stay);
    enum store_status status;

    if (txn == NULL) {
        return STORE_NO_SPACE;
    }
    status = disk_each_record(&snapshot->s->disk, txn, snapshot->revision, snapshot->sub, put_disk_record, snapshot);
    disk_stay_leave(&snapshot->stay);
    return status;
}

static enum store_status put_recent(struct snapshot *snapshot) {
    bool good = true;

    while (good && snapshot->recent != NULL && snapshot->recent->revision <= snapshot->head.revision &&
           snapshot->pending.size < PENDING_WANTED) {
        const struct recent *r = snapshot->recent;

        good = snapshot_put_record(&snapshot->pending, r->revision, r->sub, slice_make(r->bytes, r->size));
        snapshot->recent = next_recent(r);
    }
    return good ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_status put_part(struct snapshot *snapshot) {
    switch (snapshot->stage) {
    case STAGE_START:
        snapshot->stage++;
        return put_start(snapshot);
    case STAGE_LEASES:
        return put_leases(snapshot);
    case STAGE_NOTES:
        return put_notes(snapshot);
    case STAGE_DISK:
        return put_disk(snapshot);
    case STAGE_RECENT:
        return put_recent(snapshot);
    default:
        snapshot->stage++;
        return snapshot_put_end(&snapshot->pending, &snapshot->counts, snapshot->zeros) ? STORE_OK : STORE_NO_MEMORY;
    }
}

/* What is pending counts in the checksum, which follows the end. */
static enum store_status sum_up(struct snapshot *snapshot) {
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (EVP_DigestUpdate(snapshot->digest, snapshot->pending.data, snapshot->pending.size) != 1) {
        return STORE_NO_MEMORY;
    }
    if (snapshot->stage != STAGE_DONE) {
        return STORE_OK;
    }
    return EVP_DigestFinal_ex(snapshot->digest, digest, NULL) == 1 &&
                   buf_append(&snapshot->pending, digest, SNAPSHOT_DIGEST_SIZE) == LARDER_OK
               ? STORE_OK
               : STORE_NO_MEMORY;
}

/* Makes more. Nothing: that was all. */
static enum store_status make_more(struct snapshot *snapshot) {
    enum store_status status = STORE_OK;

    snapshot->pending.size = 0;
    snapshot->at = 0;
    while (snapshot->pending.size == 0 && snapshot->stage != STAGE_DONE && status == STORE_OK) {
        enum stage stage = snapshot->stage;

        status = put_part(snapshot);
        if (snapshot->pending.size == 0 && snapshot->stage == stage) {
            snapshot->stage++;
            snapshot->next = 0;
        }
    }
    return status == STORE_OK && snapshot->pending.size > 0 ? sum_up(snapshot) : status;
}

enum store_status local_snapshot_read(struct store_snapshot *base, char *data, size_t size, size_t *ret_size) {
    struct snapshot *snapshot = (struct snapshot *)base;

    *ret_size = 0;
    while (*ret_size < size && snapshot->status == STORE_OK) {
        size_t count = snapshot->pending.size - snapshot->at;

        if (count == 0) {
            snapshot->status = make_more(snapshot);
            if (snapshot->pending.size == 0) {
                break;
            }
            continue;
        }
        count = count < size - *ret_size ? count : size - *ret_size;
        memcpy(data + *ret_size, snapshot->pending.data + snapshot->at, count);
        snapshot->at += count;
        *ret_size += count;
        snapshot->left -= count;
    }
    return snapshot->status;
}
