/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_JOURNAL_H
#define LARDER_STORE_LOCAL_JOURNAL_H

#include "base/buf.h"
#include "store/store.h"

/* What was committed since LMDB was written last, so that a commit waits for the disk once: one entry is appended to a file
 * that is long enough already. A checkpoint writes all of it to LMDB, with the number of the last entry; the next entry
 * then begins the file anew. A start finds in LMDB which entry is to follow, and takes what follows from the journal.
 *
 * The file is a sequence of entries, each at a multiple of 8 bytes, numbers in the machine's byte order,
 * checksums XXH3, salted:
 *
 *     8 bytes  magic: one for entries that were waited for, one for those that were not
 *     8        sequence number: one more than that of the entry before
 *     8        size of what follows the head
 *     8        checksum of what follows
 *     8        checksum of the head before this
 *     then the items: kind (4), size of the bytes (4), number (8), other (8), the bytes, zeros up to a multiple of 8
 *
 * What is behind the last entry is older, or zeros. An entry that was not written whole was never acknowledged, and is the
 * last. One that is not whole and has a successor that was waited for is damage. The salt is the store's secret, so that
 * no value can be made to look like an entry. */
struct journal {
    int fd;
    uint64_t length;   /* of the file, that is written already */
    uint64_t offset;   /* of the next entry */
    uint64_t sequence; /* of the last entry */
    uint64_t salt;     /* of the checksums */
    bool no_sync;
};

enum journal_kind {
    JOURNAL_RECORD = 1,    /* number: revision, other: which change of it, bytes: the record */
    JOURNAL_LEASE = 2,     /* number: id, other: time to live in seconds */
    JOURNAL_LEASE_END = 3, /* number: id */
    JOURNAL_COMPACT = 4,   /* number: revision */
    JOURNAL_NOTE = 5,      /* number: size of the name, bytes: the name, then the value; no value: it is removed */
};

struct journal_item {
    enum journal_kind kind;
    int64_t number;
    int64_t other;
    struct slice bytes;
};

enum { JOURNAL_ENTRY_MAX = 1 << 30 /* bytes */ };

/* Opens the file, or makes it. False: `why` says what is wrong. */
bool journal_open(struct journal *j, const char *file, bool no_sync, struct buf *why);
void journal_close(struct journal *j);

typedef enum store_status journal_item_fn(void *ctx, const struct journal_item *item);

/* Tells the items of all entries that follow the entry `sequence`, in order; the journal then goes on behind them. DAMAGED,
 * IO, or what `each` returned. */
enum store_status journal_replay(struct journal *j, uint64_t salt, uint64_t sequence, journal_item_fn *each, void *ctx);

/* Adds an item to an entry that is being made in `entry` (empty at first). NO_MEMORY. */
enum store_status journal_add(struct buf *entry, const struct journal_item *item);

/* Writes the entry and waits until it is durable. NO_SPACE: as if nothing had been written. IO: nobody knows. */
enum store_status journal_append(struct journal *j, struct buf *entry);

/* All entries are in LMDB: the next one begins the file. */
static inline void journal_rewind(struct journal *j) {
    j->offset = 0;
}

#endif
