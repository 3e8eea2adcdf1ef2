/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/block.h"

#include <string.h>

#include "library/memory.h"

static void count_text(struct block_size *size, struct slice text) {
    size->texts += text.size + 1;
}

void block_count_kv(struct block_size *size, const struct kv *kv) {
    count_text(size, kv->key);
    count_text(size, kv->value);
}

/* The ids of leases and the keys of one are counted by `count`. */
static size_t lease_count_of(const struct store_result *r) {
    return r->kind == STORE_OP_LEASE_LIST && r->ids != NULL ? (size_t)r->count : 0;
}

static size_t key_count_of(const struct store_result *r) {
    return r->kind == STORE_OP_LEASE_TTL && r->keys != NULL ? (size_t)r->count : 0;
}

void block_count_result(struct block_size *size, const struct store_result *r) {
    size->structs += r->kv_count * sizeof(struct larder_etcd_kv) + r->result_count * sizeof(struct larder_etcd_answer) +
                     lease_count_of(r) * sizeof(int64_t) + key_count_of(r) * sizeof(struct larder_key);
    for (size_t i = 0; i < r->kv_count; i++) {
        block_count_kv(size, &r->kvs[i]);
    }
    for (size_t i = 0; i < key_count_of(r); i++) {
        count_text(size, r->keys[i]);
    }
    for (size_t i = 0; i < r->result_count; i++) {
        block_count_result(size, &r->results[i]);
    }
}

bool block_begin(struct block *b, const struct larder_allocator *a, const struct block_size *size, void **memory,
                 size_t *capacity) {
    size_t wanted = size->structs + size->texts;

    if (wanted > *capacity) {
        void *more = memory_grow(a, *memory, wanted);

        if (more == NULL) {
            return false;
        }
        *memory = more;
        *capacity = wanted;
    }
    b->structs = *memory;
    b->texts = *memory == NULL ? NULL : (char *)*memory + size->structs;
    return true;
}

void *block_take(struct block *b, size_t size) {
    void *taken = b->structs;

    if (size == 0) {
        return NULL;
    }
    memset(taken, 0, size);
    b->structs += size;
    return taken;
}

const char *block_copy(struct block *b, struct slice text) {
    char *copy = b->texts;

    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    copy[text.size] = '\0';
    b->texts += text.size + 1;
    return copy;
}

void block_fill_kv(struct block *b, const struct kv *kv, struct larder_etcd_kv *ret_kv) {
    *ret_kv = (struct larder_etcd_kv){
        .key = block_copy(b, kv->key),
        .key_size = kv->key.size,
        .value = block_copy(b, kv->value),
        .value_size = kv->value.size,
        .create_revision = kv->create_revision,
        .mod_revision = kv->mod_revision,
        .version = kv->version,
        .lease = kv->lease,
    };
}

static enum larder_etcd_op_kind kind_of(enum store_op_kind kind) {
    switch (kind) {
    case STORE_OP_PUT:
        return LARDER_ETCD_PUT;
    case STORE_OP_DELETE:
        return LARDER_ETCD_DELETE;
    case STORE_OP_TXN:
        return LARDER_ETCD_TXN;
    case STORE_OP_COMPACT:
        return LARDER_ETCD_COMPACT;
    default:
        return LARDER_ETCD_RANGE;
    }
}

static void fill_kvs(struct block *b, const struct store_result *r, struct larder_etcd_answer *ret_answer) {
    struct larder_etcd_kv *kvs = block_take(b, r->kv_count * sizeof(*kvs));

    for (size_t i = 0; i < r->kv_count; i++) {
        block_fill_kv(b, &r->kvs[i], &kvs[i]);
    }
    ret_answer->kvs = kvs;
    ret_answer->kv_count = r->kv_count;
}

static void fill_leases(struct block *b, const struct store_result *r, struct larder_etcd_answer *ret_answer) {
    size_t lease_count = lease_count_of(r), key_count = key_count_of(r);
    int64_t *leases = block_take(b, lease_count * sizeof(*leases));
    struct larder_key *keys = block_take(b, key_count * sizeof(*keys));

    if (lease_count > 0) {
        memcpy(leases, r->ids, lease_count * sizeof(*leases));
    }
    for (size_t i = 0; i < key_count; i++) {
        keys[i] = (struct larder_key){.data = block_copy(b, r->keys[i]), .size = r->keys[i].size};
    }
    ret_answer->leases = leases;
    ret_answer->lease_count = lease_count;
    ret_answer->keys = keys;
    ret_answer->key_count = key_count;
}

static void fill_answers(struct block *b, const struct store_result *r, struct larder_etcd_answer *ret_answer) {
    struct larder_etcd_answer *answers = block_take(b, r->result_count * sizeof(*answers));

    for (size_t i = 0; i < r->result_count; i++) {
        block_fill_result(b, &r->results[i], &answers[i]);
    }
    ret_answer->answers = answers;
    ret_answer->answer_count = r->result_count;
}

void block_fill_result(struct block *b, const struct store_result *r, struct larder_etcd_answer *ret_answer) {
    *ret_answer = (struct larder_etcd_answer){
        .kind = kind_of(r->kind),
        .more = r->more,
        .succeeded = r->succeeded,
        .count = r->count,
        .lease = r->lease,
        .ttl = r->ttl,
        .granted_ttl = r->granted_ttl,
    };
    fill_kvs(b, r, ret_answer);
    fill_leases(b, r, ret_answer);
    fill_answers(b, r, ret_answer);
}
