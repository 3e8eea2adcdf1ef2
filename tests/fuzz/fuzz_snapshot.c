/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of snapshots. Its checksums would keep all from it that is not quite right, so any will do for the whole, and the
 * records get theirs from here. However the file is cut into pieces, it means the same. */
#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#include "store/local/record.h"
#include "store/local/snapshot_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHY_BYTES = 4096, CHECKSUM_SIZE = 8 };

struct input {
    struct slice rest;
    size_t piece;
    uint64_t digest; /* of all that was told */
};

static void mix(struct input *in, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        in->digest = in->digest * 31 + ((const unsigned char *)bytes)[i];
    }
    in->digest = in->digest * 31 + size;
}

static ptrdiff_t read_input(void *ctx, char *data, size_t size) {
    struct input *in = ctx;

    size = size < in->piece ? size : in->piece;
    size = size < in->rest.size ? size : in->rest.size;
    if (size > 0) {
        memcpy(data, in->rest.data, size);
    }
    in->rest = slice_skip(in->rest, size);
    return (ptrdiff_t)size;
}

static enum store_status on_head(void *ctx, const struct snapshot_head *head) {
    assert(head->revision >= 1 && head->compact_revision <= head->revision);
    mix(ctx, &head->revision, sizeof(head->revision));
    return STORE_OK;
}

static enum store_status on_lease(void *ctx, int64_t id, int64_t ttl) {
    assert(id != 0 && ttl > 0 && ttl <= STORE_LEASE_TTL_MAX);
    mix(ctx, &id, sizeof(id));
    return STORE_OK;
}

static enum store_status on_note(void *ctx, struct slice name, struct slice value) {
    assert(name.size > 0 && name.size <= STORE_NOTE_NAME_MAX && value.size > 0);
    mix(ctx, name.data, name.size);
    mix(ctx, value.data, value.size);
    return STORE_OK;
}

static enum store_status on_record(void *ctx, const struct kv *kv, uint32_t sub) {
    assert(kv->key.size > 0 && kv->version >= 0);
    mix(ctx, kv->key.data, kv->key.size);
    mix(ctx, kv->value.data, kv->value.size);
    mix(ctx, &sub, sizeof(sub));
    return STORE_OK;
}

static bool parse(struct slice file, size_t piece, uint64_t *ret_digest, struct snapshot_summary *ret_summary) {
    struct input in = {.rest = file, .piece = piece};
    const struct snapshot_source source = {.read = read_input, .ctx = &in};
    const struct snapshot_handler handler = {
        .ctx = &in, .head = on_head, .lease = on_lease, .note = on_note, .record = on_record};
    struct buf why;
    bool good;

    buf_init(&why, WHY_BYTES);
    good = snapshot_parse(&source, &handler, true, ret_summary, &why);
    assert(good == (why.size == 0));
    buf_fini(&why);
    *ret_digest = in.digest;
    return good;
}

/* Gives what looks like a record the checksum that it should have. */
static void mend(char *block, size_t size) {
    struct slice record = slice_make(block + SNAPSHOT_RECORD_FIXED_SIZE, size - SNAPSHOT_RECORD_FIXED_SIZE);
    uint64_t revision;
    uint32_t key_size;
    uint32_t sub;
    struct kv kv = {.key = record};
    char *made = malloc(size);

    assert(made != NULL);
    memcpy(&revision, block, sizeof(revision));
    memcpy(&sub, block + sizeof(revision), sizeof(sub));
    memcpy(&key_size, record.data + RECORD_HEADER_SIZE - 8, sizeof(key_size));
    key_size = le32toh(key_size);
    if (key_size > 0 && key_size <= record.size - RECORD_HEADER_SIZE) {
        kv.mod_revision = (int64_t)le64toh(revision);
        kv.key = slice_make(record.data + RECORD_HEADER_SIZE, key_size);
        kv.value = slice_skip(record, RECORD_HEADER_SIZE + key_size);
        memcpy(&kv.create_revision, record.data + CHECKSUM_SIZE, 8);
        memcpy(&kv.version, record.data + 2 * CHECKSUM_SIZE, 8);
        memcpy(&kv.lease, record.data + 3 * CHECKSUM_SIZE, 8);
        record_encode(&kv, le32toh(sub), made);
        memcpy(block + SNAPSHOT_RECORD_FIXED_SIZE, made, record.size);
    }
    free(made);
}

static void mend_all(char *file, size_t size) {
    size_t at = SNAPSHOT_MAGIC_SIZE;

    while (at + SNAPSHOT_BLOCK_HEAD_SIZE <= size) {
        uint32_t kind;
        uint32_t block;

        snapshot_get_block(file + at, &kind, &block);
        at += SNAPSHOT_BLOCK_HEAD_SIZE;
        if (block > size - at) {
            break;
        }
        if (kind == SNAPSHOT_RECORD && block > SNAPSHOT_RECORD_FIXED_SIZE + RECORD_HEADER_SIZE) {
            mend(file + at, block);
        }
        at += block;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct snapshot_summary whole_summary;
    struct snapshot_summary split_summary;
    char *file = malloc(size + 1);
    uint64_t whole;
    uint64_t split;
    bool good;

    if (file == NULL) {
        return 0;
    }
    memcpy(file, data, size);
    mend_all(file, size);
    good = parse(slice_make(file, size), SIZE_MAX, &whole, &whole_summary);
    assert(parse(slice_make(file, size), 1, &split, &split_summary) == good && split == whole);
    assert(!good || whole_summary.bytes == size);
    free(file);
    return 0;
}
