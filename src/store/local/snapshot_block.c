/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>

#include "store/local/record.h"
#include "store/local/snapshot_format.h"

/* --- numbers --- */

static void put32(char *bytes, uint32_t number) {
    number = htole32(number);
    memcpy(bytes, &number, sizeof(number));
}

static void put64(char *bytes, uint64_t number) {
    number = htole64(number);
    memcpy(bytes, &number, sizeof(number));
}

static uint32_t get32(const char *bytes) {
    uint32_t number;

    memcpy(&number, bytes, sizeof(number));
    return le32toh(number);
}

static uint64_t get64(const char *bytes) {
    uint64_t number;

    memcpy(&number, bytes, sizeof(number));
    return le64toh(number);
}

/* --- making --- */

/* A block of up to three parts, with its head. */
static bool put_block(struct buf *to, enum snapshot_kind kind, struct slice first, struct slice second,
                      struct slice third) {
    char head[SNAPSHOT_BLOCK_HEAD_SIZE];

    put32(head, kind);
    put32(head + 4, (uint32_t)(first.size + second.size + third.size));
    return buf_append(to, head, sizeof(head)) == LARDER_OK && buf_append(to, first.data, first.size) == LARDER_OK &&
           buf_append(to, second.data, second.size) == LARDER_OK && buf_append(to, third.data, third.size) == LARDER_OK;
}

bool snapshot_put_head(struct buf *to, const struct snapshot_head *head) {
    char bytes[SNAPSHOT_HEAD_SIZE] = {0};

    put32(bytes, head->version);
    put64(bytes + 8, (uint64_t)head->revision);
    put64(bytes + 16, (uint64_t)head->compact_revision);
    put64(bytes + 24, head->keys);
    return put_block(to, SNAPSHOT_HEAD, slice_make(bytes, sizeof(bytes)), SLICE(""), SLICE(""));
}

bool snapshot_put_lease(struct buf *to, int64_t id, int64_t ttl) {
    char bytes[SNAPSHOT_LEASE_SIZE];

    put64(bytes, (uint64_t)id);
    put64(bytes + 8, (uint64_t)ttl);
    return put_block(to, SNAPSHOT_LEASE, slice_make(bytes, sizeof(bytes)), SLICE(""), SLICE(""));
}

bool snapshot_put_note(struct buf *to, struct slice name, struct slice value) {
    char bytes[SNAPSHOT_NOTE_FIXED_SIZE];

    put32(bytes, (uint32_t)name.size);
    return put_block(to, SNAPSHOT_NOTE, slice_make(bytes, sizeof(bytes)), name, value);
}

bool snapshot_put_record(struct buf *to, int64_t revision, uint32_t sub, struct slice record) {
    char bytes[SNAPSHOT_RECORD_FIXED_SIZE] = {0};

    put64(bytes, (uint64_t)revision);
    put32(bytes + 8, sub);
    return put_block(to, SNAPSHOT_RECORD, slice_make(bytes, sizeof(bytes)), record, SLICE(""));
}

bool snapshot_put_end(struct buf *to, const struct snapshot_counts *counts, size_t zeros) {
    static const char nothing[SNAPSHOT_MULTIPLE];
    char bytes[SNAPSHOT_END_SIZE];

    put64(bytes, counts->leases);
    put64(bytes + 8, counts->notes);
    put64(bytes + 16, counts->records);
    return put_block(to, SNAPSHOT_END, slice_make(bytes, sizeof(bytes)), slice_make(nothing, zeros), SLICE(""));
}

/* --- reading --- */

void snapshot_get_block(const char bytes[SNAPSHOT_BLOCK_HEAD_SIZE], uint32_t *ret_kind, uint32_t *ret_size) {
    *ret_kind = get32(bytes);
    *ret_size = get32(bytes + 4);
}

/* Of a later version only that is of interest. */
bool snapshot_get_head(struct slice block, struct snapshot_head *ret_head) {
    if (block.size < SNAPSHOT_HEAD_SIZE) {
        return false;
    }
    *ret_head = (struct snapshot_head){
        .version = get32(block.data),
        .revision = (int64_t)get64(block.data + 8),
        .compact_revision = (int64_t)get64(block.data + 16),
        .keys = get64(block.data + 24),
    };
    if (ret_head->version > SNAPSHOT_VERSION) {
        return true;
    }
    return ret_head->version > 0 && block.size == SNAPSHOT_HEAD_SIZE && ret_head->revision >= 1 &&
           ret_head->compact_revision >= 0 && ret_head->compact_revision <= ret_head->revision;
}

bool snapshot_get_lease(struct slice block, int64_t *ret_id, int64_t *ret_ttl) {
    if (block.size != SNAPSHOT_LEASE_SIZE) {
        return false;
    }
    *ret_id = (int64_t)get64(block.data);
    *ret_ttl = (int64_t)get64(block.data + 8);
    return *ret_id != 0 && *ret_ttl > 0 && *ret_ttl <= STORE_LEASE_TTL_MAX;
}

bool snapshot_get_note(struct slice block, struct slice *ret_name, struct slice *ret_value) {
    uint32_t name_size = block.size >= SNAPSHOT_NOTE_FIXED_SIZE ? get32(block.data) : 0;

    if (name_size == 0 || name_size > STORE_NOTE_NAME_MAX || name_size > block.size - SNAPSHOT_NOTE_FIXED_SIZE) {
        return false;
    }
    *ret_name = slice_make(block.data + SNAPSHOT_NOTE_FIXED_SIZE, name_size);
    *ret_value = slice_skip(block, SNAPSHOT_NOTE_FIXED_SIZE + name_size);
    return ret_value->size > 0 && ret_value->size <= STORE_REQUEST_MAX;
}

bool snapshot_get_record(struct slice block, struct kv *ret_kv, uint32_t *ret_sub) {
    if (block.size < SNAPSHOT_RECORD_FIXED_SIZE) {
        return false;
    }
    *ret_sub = get32(block.data + 8);
    return record_decode(slice_skip(block, SNAPSHOT_RECORD_FIXED_SIZE), (int64_t)get64(block.data), *ret_sub, ret_kv);
}

bool snapshot_get_end(struct slice block, struct snapshot_counts *ret_counts) {
    if (block.size < SNAPSHOT_END_SIZE || block.size >= SNAPSHOT_END_SIZE + SNAPSHOT_MULTIPLE) {
        return false;
    }
    *ret_counts = (struct snapshot_counts){
        .leases = get64(block.data),
        .notes = get64(block.data + 8),
        .records = get64(block.data + 16),
    };
    return true;
}
