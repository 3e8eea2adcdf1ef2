/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_SNAPSHOT_FORMAT_H
#define LARDER_STORE_LOCAL_SNAPSHOT_FORMAT_H

#include "base/buf.h"
#include "model/kv.h"
#include "store/store.h"

/* A snapshot of a store in a file. Numbers have the least significant byte first:
 *
 *     16 bytes  "LARDER SNAPSHOT\n"
 *     blocks:   kind (4), size of what follows (4), which is
 *       HEAD    version of the format (4), zero (4), revision (8), compacted revision or 0 (8), keys that exist (8)
 *       LEASE   id (8), time to live in seconds (8)                     by id
 *       NOTE    size of the name (4), the name, the value               by name
 *       RECORD  revision (8), which change of it (4), zero (4), the record as record.h says     in the order of time
 *       END     how many leases (8), notes (8), records (8) there were, and zeros, so that all before the checksum is a
 *               multiple of 512: by that etcdctl 3.4 knows that there is one
 *     32 bytes  SHA-256 of all before
 *
 * HEAD comes first, then all blocks of one kind after the other, END last. The newest record has the revision of HEAD; if
 * there is none that is 1. Records may be among them that are obsolete as of the compacted revision. */
#define SNAPSHOT_MAGIC "LARDER SNAPSHOT\n"

enum {
    SNAPSHOT_VERSION = 1, /* of what we write; a higher one is refused */
    SNAPSHOT_MAGIC_SIZE = sizeof(SNAPSHOT_MAGIC) - 1,
    SNAPSHOT_BLOCK_HEAD_SIZE = 8,
    SNAPSHOT_HEAD_SIZE = 32,
    SNAPSHOT_LEASE_SIZE = 16,
    SNAPSHOT_NOTE_FIXED_SIZE = 4,
    SNAPSHOT_RECORD_FIXED_SIZE = 16,
    SNAPSHOT_END_SIZE = 24, /* without its zeros */
    SNAPSHOT_MULTIPLE = 512,
    SNAPSHOT_DIGEST_SIZE = 32,
    SNAPSHOT_BLOCK_MAX = STORE_REQUEST_MAX + 4096, /* bytes in a block */
};

enum snapshot_kind {
    SNAPSHOT_HEAD = 1,
    SNAPSHOT_LEASE = 2,
    SNAPSHOT_NOTE = 3,
    SNAPSHOT_RECORD = 4,
    SNAPSHOT_END = 5,
};

struct snapshot_head {
    uint32_t version;
    int64_t revision;
    int64_t compact_revision; /* 0: nothing was compacted */
    uint64_t keys;
};

struct snapshot_counts {
    uint64_t leases;
    uint64_t notes;
    uint64_t records;
};

/* Append a block each. False: out of memory. `zeros` is below SNAPSHOT_MULTIPLE. */
bool snapshot_put_head(struct buf *to, const struct snapshot_head *head);
bool snapshot_put_lease(struct buf *to, int64_t id, int64_t ttl);
bool snapshot_put_note(struct buf *to, struct slice name, struct slice value);
bool snapshot_put_record(struct buf *to, int64_t revision, uint32_t sub, struct slice record);
bool snapshot_put_end(struct buf *to, const struct snapshot_counts *counts, size_t zeros);

/* Take what is in a block apart. False: it is not what it should be. */
bool snapshot_get_head(struct slice block, struct snapshot_head *ret_head);
bool snapshot_get_lease(struct slice block, int64_t *ret_id, int64_t *ret_ttl);
bool snapshot_get_note(struct slice block, struct slice *ret_name, struct slice *ret_value);
bool snapshot_get_record(struct slice block, struct kv *ret_kv, uint32_t *ret_sub);
bool snapshot_get_end(struct slice block, struct snapshot_counts *ret_counts);

/* Of the head of a block. */
void snapshot_get_block(const char bytes[SNAPSHOT_BLOCK_HEAD_SIZE], uint32_t *ret_kind, uint32_t *ret_size);

#endif
