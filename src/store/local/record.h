/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_RECORD_H
#define LARDER_STORE_LOCAL_RECORD_H

#include "model/kv.h"

/* A change of a key as it lies on the disk, never changed once written. Its key there is the revision and the number of
 * the change within it, both with the most significant byte first, so that records lie in the order of time. Its value:
 *
 *     8 bytes  checksum (XXH3 of all that follows and of the key)
 *     8        create_revision
 *     8        version; 0 is a deletion
 *     8        lease
 *     4        size of the key
 *     4        zero
 *     then the key, then the value
 *
 * Numbers have the least significant byte first. */
enum { RECORD_KEY_SIZE = 12, RECORD_HEADER_SIZE = 40 };

void record_key(int64_t revision, uint32_t sub, char ret_bytes[RECORD_KEY_SIZE]);
void record_key_decode(const char bytes[RECORD_KEY_SIZE], int64_t *ret_revision, uint32_t *ret_sub);

static inline size_t record_size(const struct kv *kv) {
    return RECORD_HEADER_SIZE + kv->key.size + kv->value.size;
}

/* What a record of `size` bytes takes on the disk, with its key, its place and, when it is long, pages of its own. */
uint32_t record_footprint(size_t size);

/* Writes record_size bytes. kv->mod_revision and `sub` are those of the key. */
void record_encode(const struct kv *kv, uint32_t sub, char *ret_bytes);

/* ret_kv points into `bytes`. False: damaged. */
bool record_decode(struct slice bytes, int64_t revision, uint32_t sub, struct kv *ret_kv);

#endif
