/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_BLOCK_H
#define LARDER_LIBRARY_ETCD_BLOCK_H

#include <larder/etcd.h>

#include "model/kv.h"
#include "store/store.h"

/* Answers in the caller's memory: all of one is one piece, whose size is counted before it is filled. */
struct block_size {
    size_t structs; /* bytes, of things that begin with 8-byte alignment */
    size_t texts;
};

void block_count_kv(struct block_size *size, const struct kv *kv);
void block_count_result(struct block_size *size, const struct store_result *result);

/* Where the next things go. */
struct block {
    char *structs;
    char *texts;
};

/* Makes *memory (of *capacity bytes, or NULL) large enough. False: out of memory, and it is as before. */
bool block_begin(struct block *b, const struct larder_allocator *a, const struct block_size *size, void **memory,
                 size_t *capacity);

/* Room for structs that were counted. */
void *block_take(struct block *b, size_t size);

/* A copy, with a NUL behind it. */
const char *block_copy(struct block *b, struct slice text);

void block_fill_kv(struct block *b, const struct kv *kv, struct larder_etcd_kv *ret_kv);
void block_fill_result(struct block *b, const struct store_result *result, struct larder_etcd_answer *ret_answer);

#endif
