/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_HASH_H
#define LARDER_STORE_LOCAL_HASH_H

#include "model/kv.h"

/* What etcd 3.4's HashKV is the CRC-32C of (its mvcc/kvstore.go, HashByRev; mvcc/revision.go; mvccpb/kv.proto): the name
 * of its bucket, "key", then for each change, in the order of time, its key on the disk,
 *
 *     8 bytes  revision          1  '_'          8  number of the change within it          and for a deletion  1  't'
 *
 * numbers with the most significant byte first, and the message KeyValue in the encoding of Protocol Buffers; of a
 * deletion that has the key alone.
 *
 * The changes are those up to the revision that was asked for, but of those up to the compacted revision only what is still
 * the newest of its key at the revision asked for, and no deletion. If no key exists at that revision, it is what the
 * compaction left: what was the newest of its key at the compacted revision, and no deletion. */
uint32_t hash_begin(void);
uint32_t hash_add(uint32_t hash, const struct kv *kv, uint32_t sub);

#endif
