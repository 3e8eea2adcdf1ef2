/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_GARBAGE_H
#define LARDER_STORE_LOCAL_GARBAGE_H

#include "store/local/key_entry.h"

/* What compaction will find to do, in the order of time, so that it never has to search: each change that made an older
 * version of its key obsolete. And, once out of the index, the records that are still to be deleted from the disk. */
struct garbage_item {
    int64_t revision;        /* of the change */
    struct key_entry *entry; /* counted there in `garbage` */
};

struct doomed_record {
    int64_t revision;
    uint32_t sub;
    uint32_t bytes;
};

struct garbage {
    struct garbage_item *items; /* a ring */
    size_t first;
    size_t count;
    size_t capacity; /* a power of two, or 0 */
    struct doomed_record *doomed;
    size_t doomed_count;
    size_t doomed_capacity;
};

void garbage_fini(struct garbage *g);

/* Makes room for one more item. False: out of memory. */
bool garbage_reserve(struct garbage *g);

/* Adds the newest item; there is room. */
void garbage_push(struct garbage *g, int64_t revision, struct key_entry *e);

/* Adds an item that is older than all others; there is room. */
void garbage_push_front(struct garbage *g, int64_t revision, struct key_entry *e);

/* Takes the oldest one out, if its revision is not above `revision`. */
bool garbage_pop(struct garbage *g, int64_t revision, struct garbage_item *ret_item);

/* How many of the oldest items are of that revision, which no older one precedes. */
size_t garbage_count_at(const struct garbage *g, int64_t revision);

/* Takes back the items above `revision`. */
void garbage_undo(struct garbage *g, int64_t revision);

/* Notes records to be deleted. False: out of memory, nothing is noted. */
bool garbage_doom(struct garbage *g, const struct version *versions, uint32_t count);

/* The first `count` of them are deleted. */
void garbage_deleted(struct garbage *g, size_t count);

#endif
