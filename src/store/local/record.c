/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/record.h"

#include <endian.h>
#include <xxhash.h>

enum {
    AT_CHECKSUM = 0,
    AT_CREATE = 8,
    AT_VERSION = 16,
    AT_LEASE = 24,
    AT_KEY_SIZE = 32,
    AT_ZERO = 36,
    PAGE = 4096,
    PAGE_HEADER = 16,
    NODE_OVERHEAD = 12,       /* of LMDB: a node's head and the pointer to it, rounded up */
    NODE_MAX = PAGE / 2 - 16, /* longer values have pages of their own */
};

static void put64(char *bytes, uint64_t number) {
    number = htole64(number);
    memcpy(bytes, &number, sizeof(number));
}

static uint64_t get64(const char *bytes) {
    uint64_t number;

    memcpy(&number, bytes, sizeof(number));
    return le64toh(number);
}

void record_key(int64_t revision, uint32_t sub, char ret_bytes[RECORD_KEY_SIZE]) {
    uint64_t high = htobe64((uint64_t)revision);
    uint32_t low = htobe32(sub);

    memcpy(ret_bytes, &high, sizeof(high));
    memcpy(ret_bytes + sizeof(high), &low, sizeof(low));
}

void record_key_decode(const char bytes[RECORD_KEY_SIZE], int64_t *ret_revision, uint32_t *ret_sub) {
    uint64_t high;
    uint32_t low;

    memcpy(&high, bytes, sizeof(high));
    memcpy(&low, bytes + sizeof(high), sizeof(low));
    *ret_revision = (int64_t)be64toh(high);
    *ret_sub = be32toh(low);
}

uint32_t record_footprint(size_t size) {
    size_t node = RECORD_KEY_SIZE + NODE_OVERHEAD;

    if (node + size <= NODE_MAX) {
        return (uint32_t)(node + size);
    }
    return (uint32_t)(node + sizeof(uint64_t) + (size + PAGE_HEADER + PAGE - 1) / PAGE * PAGE);
}

static uint64_t checksum(const char *bytes, size_t size, int64_t revision, uint32_t sub) {
    uint64_t seed = (uint64_t)revision * UINT64_C(0x9e3779b97f4a7c15) + sub;

    return XXH3_64bits_withSeed(bytes + AT_CREATE, size - AT_CREATE, seed);
}

void record_encode(const struct kv *kv, uint32_t sub, char *ret_bytes) {
    uint32_t key_size = htole32((uint32_t)kv->key.size);

    put64(ret_bytes + AT_CREATE, (uint64_t)kv->create_revision);
    put64(ret_bytes + AT_VERSION, (uint64_t)kv->version);
    put64(ret_bytes + AT_LEASE, (uint64_t)kv->lease);
    memcpy(ret_bytes + AT_KEY_SIZE, &key_size, sizeof(key_size));
    memset(ret_bytes + AT_ZERO, 0, RECORD_HEADER_SIZE - AT_ZERO);
    memcpy(ret_bytes + RECORD_HEADER_SIZE, kv->key.data, kv->key.size);
    if (kv->value.size > 0) {
        memcpy(ret_bytes + RECORD_HEADER_SIZE + kv->key.size, kv->value.data, kv->value.size);
    }
    put64(ret_bytes + AT_CHECKSUM, checksum(ret_bytes, record_size(kv), kv->mod_revision, sub));
}

bool record_decode(struct slice bytes, int64_t revision, uint32_t sub, struct kv *ret_kv) {
    uint32_t key_size;

    if (bytes.size < RECORD_HEADER_SIZE ||
        get64(bytes.data + AT_CHECKSUM) != checksum(bytes.data, bytes.size, revision, sub)) {
        return false;
    }
    memcpy(&key_size, bytes.data + AT_KEY_SIZE, sizeof(key_size));
    key_size = le32toh(key_size);
    if (key_size == 0 || key_size > bytes.size - RECORD_HEADER_SIZE) {
        return false;
    }
    *ret_kv = (struct kv){
        .key = slice_make(bytes.data + RECORD_HEADER_SIZE, key_size),
        .value = slice_skip(bytes, RECORD_HEADER_SIZE + key_size),
        .create_revision = (int64_t)get64(bytes.data + AT_CREATE),
        .mod_revision = revision,
        .version = (int64_t)get64(bytes.data + AT_VERSION),
        .lease = (int64_t)get64(bytes.data + AT_LEASE),
    };
    return ret_kv->version >= 0;
}
