/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/hash.h"

#include <endian.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "store/local/internal.h"

/* --- one change --- */

enum {
    /* Tags of the message: number of the field, type. */
    TAG_KEY = 1 << 3 | 2,
    TAG_CREATE = 2 << 3,
    TAG_MOD = 3 << 3,
    TAG_VERSION = 4 << 3,
    TAG_VALUE = 5 << 3 | 2,
    TAG_LEASE = 6 << 3,

    VARINT_MAX = 10, /* bytes */
    PIECE_MAX = 8 + 1 + 8 + 1 + 4 * (1 + VARINT_MAX),
};

/* The small fields between the key and the value. */
struct piece {
    size_t size;
    char bytes[PIECE_MAX];
};

static void add_byte(struct piece *p, int byte) {
    p->bytes[p->size++] = (char)byte;
}

static void add_number(struct piece *p, int64_t number) {
    uint64_t bytes = htobe64((uint64_t)number);

    memcpy(p->bytes + p->size, &bytes, sizeof(bytes));
    p->size += sizeof(bytes);
}

static void add_varint(struct piece *p, uint64_t number) {
    for (; number >= 0x80; number >>= 7) {
        add_byte(p, (int)(number & 0x7f) | 0x80);
    }
    add_byte(p, (int)number);
}

/* Zero is the default and is left out, here and below. */
static void add_field(struct piece *p, int tag, int64_t number) {
    if (number != 0) {
        add_byte(p, tag);
        add_varint(p, (uint64_t)number);
    }
}

static void add_size(struct piece *p, int tag, size_t size) {
    if (size > 0) {
        add_byte(p, tag);
        add_varint(p, size);
    }
}

static uint32_t hash_piece(uint32_t hash, const struct piece *p) {
    return crc32c(hash, slice_make(p->bytes, p->size));
}

uint32_t hash_begin(void) {
    return crc32c(0, SLICE("key"));
}

uint32_t hash_add(uint32_t hash, const struct kv *kv, uint32_t sub) {
    bool is_put = kv->version > 0;
    struct piece before = {0};
    struct piece between = {0};
    struct piece after = {0};

    add_number(&before, kv->mod_revision);
    add_byte(&before, '_');
    add_number(&before, sub);
    if (!is_put) {
        add_byte(&before, 't');
    }
    add_size(&before, TAG_KEY, kv->key.size);
    hash = crc32c(hash_piece(hash, &before), kv->key);
    if (!is_put) {
        return hash;
    }
    add_field(&between, TAG_CREATE, kv->create_revision);
    add_field(&between, TAG_MOD, kv->mod_revision);
    add_field(&between, TAG_VERSION, kv->version);
    add_size(&between, TAG_VALUE, kv->value.size);
    add_field(&after, TAG_LEASE, kv->lease);
    return hash_piece(crc32c(hash_piece(hash, &between), kv->value), &after);
}

/* --- all of them --- */

/* A pass through the records. Until a key is found that exists at `revision`, nobody knows which of the two is wanted. */
struct pass {
    struct local *s;
    struct view view;
    int64_t revision;
    int64_t compacted;
    int64_t last;            /* of the part that is gone through */
    uint32_t kept;           /* with what is the newest of its key at `revision` */
    uint32_t compacted_kept; /* with what was that at `compacted` */
    bool any_kept;
    bool overtaken; /* compaction took more out of the index: all over again */
};

/* Whether the record is that of its key at a revision. False as well if the pass is overtaken. */
static bool is_current(struct pass *p, const struct kv *kv, uint32_t sub, int64_t revision) {
    struct local *s = p->s;
    const struct version *v = NULL;
    const struct key_entry *e;
    bool current;

    pthread_rwlock_rdlock(&s->index_lock);
    p->overtaken = atomic_load(&s->floor) > p->compacted;
    e = key_entry_of(key_tree_find(&s->index, kv->key));
    if (e != NULL) {
        v = key_entry_at(e, revision);
    }
    current = !p->overtaken && v != NULL && v->mod == kv->mod_revision && v->sub == sub;
    pthread_rwlock_unlock(&s->index_lock);
    return current;
}

static void add_compacted(struct pass *p, const struct kv *kv, uint32_t sub) {
    if (is_current(p, kv, sub, p->revision)) {
        p->kept = hash_add(p->kept, kv, sub);
        p->any_kept = true;
    }
    if (!p->any_kept && is_current(p, kv, sub, p->compacted)) {
        p->compacted_kept = hash_add(p->compacted_kept, kv, sub);
    }
}

static enum store_status add_record(void *ctx, const struct kv *kv, uint32_t sub, bool *ret_stop) {
    struct pass *p = ctx;

    if (kv->mod_revision > p->last) {
        *ret_stop = true;
    } else if (kv->mod_revision <= p->compacted) {
        add_compacted(p, kv, sub);
    } else {
        p->kept = hash_add(p->kept, kv, sub);
        if (!p->any_kept) {
            p->compacted_kept = hash_add(p->compacted_kept, kv, sub);
            p->any_kept = is_current(p, kv, sub, p->revision);
        }
    }
    *ret_stop = *ret_stop || p->overtaken;
    return STORE_OK;
}

static enum store_status add_recent(struct pass *p) {
    const struct recent *record = atomic_load_explicit(&p->view.recents->first, memory_order_acquire);
    enum store_status status = STORE_OK;
    bool stop = false;

    while (record != NULL && record->revision <= p->view.revision && status == STORE_OK && !stop) {
        struct kv kv;

        status = recent_decode(record, &kv) ? add_record(p, &kv, record->sub, &stop) : STORE_DAMAGED;
        record = atomic_load_explicit(&record->next, memory_order_acquire);
    }
    return status;
}

/* What LMDB has, then what is only in memory. */
static enum store_status pass_through(struct pass *p) {
    enum store_status status;

    p->kept = hash_begin();
    p->compacted_kept = p->kept;
    p->last = p->revision < p->view.checkpointed ? p->revision : p->view.checkpointed;
    status = disk_each_record(&p->s->disk, p->view.reader->txn, 0, 0, add_record, p);
    p->last = p->revision;
    return status == STORE_OK && !p->overtaken ? add_recent(p) : status;
}

/* One try, of what the store is now. */
static enum store_status run_pass(struct pass *p, int64_t asked) {
    struct local *s = p->s;
    enum store_status status = view_begin(s, &p->view);

    if (status != STORE_OK) {
        return status;
    }
    p->overtaken = atomic_load(&s->compacted) != p->compacted || atomic_load(&s->floor) > p->compacted;
    pthread_rwlock_unlock(&s->index_lock);
    p->revision = asked == 0 ? p->view.revision : asked;
    if (!p->overtaken && asked > 0 && asked <= p->compacted) {
        status = STORE_COMPACTED;
    } else if (!p->overtaken && asked > p->view.revision) {
        status = STORE_FUTURE_REVISION;
    } else if (!p->overtaken) {
        status = pass_through(p);
    }
    view_end(&p->view);
    return status;
}

enum store_status local_hash_kv(struct store *store, int64_t revision, uint32_t *ret_hash, int64_t *ret_revision,
                                int64_t *ret_compact_revision) {
    struct local *s = local_of(store);
    enum store_status status;
    struct compact_hold hold;
    struct pass p;

    do {
        p = (struct pass){.s = s, .compacted = atomic_load(&s->compacted)};
        compact_hold_add(s, &hold, p.compacted);
        status = run_pass(&p, revision);
        compact_hold_remove(s, &hold);
    } while (status == STORE_OK && p.overtaken);
    *ret_hash = p.any_kept ? p.kept : p.compacted_kept;
    *ret_revision = p.view.revision;
    *ret_compact_revision = p.compacted;
    return status;
}

/* --- what lies beside the keys --- */

static uint32_t hash_notes(uint32_t hash, struct note **notes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        hash = crc32c(crc32c(hash, note_name(notes[i])), note_value(notes[i]));
        note_release(notes[i]);
    }
    free(notes);
    return hash;
}

static uint32_t hash_leases(uint32_t hash, struct lease_change *leases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct piece piece = {0};

        add_number(&piece, leases[i].id);
        add_number(&piece, leases[i].ttl);
        hash = hash_piece(hash, &piece);
    }
    free(leases);
    return hash;
}

enum store_status local_hash(struct store *store, uint32_t *ret_hash, int64_t *ret_revision) {
    struct local *s = local_of(store);
    struct lease_change *leases;
    struct note **notes;
    int64_t compacted;
    size_t count;
    enum store_status status = local_hash_kv(store, 0, ret_hash, ret_revision, &compacted);

    if (status != STORE_OK) {
        return status;
    }
    if (!note_set_list(&s->notes, &notes, &count)) {
        return STORE_NO_MEMORY;
    }
    *ret_hash = hash_notes(*ret_hash, notes, count);
    if (!lease_list(&s->leases, &leases, &count)) {
        return STORE_NO_MEMORY;
    }
    *ret_hash = hash_leases(*ret_hash, leases, count);
    return STORE_OK;
}
