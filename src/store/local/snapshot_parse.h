/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_SNAPSHOT_PARSE_H
#define LARDER_STORE_LOCAL_SNAPSHOT_PARSE_H

#include "store/local/snapshot_format.h"

/* Where a snapshot is read from. `read` returns how many bytes it put there, 0 at the end, or the negative of an errno. */
struct snapshot_source {
    ptrdiff_t (*read)(void *ctx, char *data, size_t size);
    void *ctx;
};

/* What is told of it, in order, before anybody knows whether the whole is undamaged. Slices are valid during the call. NULL:
 * of no interest. Another status than OK ends the reading. */
struct snapshot_handler {
    void *ctx;
    enum store_status (*head)(void *ctx, const struct snapshot_head *head);
    enum store_status (*lease)(void *ctx, int64_t id, int64_t ttl);
    enum store_status (*note)(void *ctx, struct slice name, struct slice value);
    enum store_status (*record)(void *ctx, const struct kv *kv, uint32_t sub);
};

struct snapshot_summary {
    struct snapshot_head head;
    struct snapshot_counts counts;
    uint64_t bytes;
};

/* Reads a snapshot to its end. True: it is whole, its checksum is right, and nothing follows. False: `why` has a phrase for
 * people. `any_digest`: the checksum may be any, for a fuzzer, which cannot know it. */
bool snapshot_parse(const struct snapshot_source *source, const struct snapshot_handler *handler, bool any_digest,
                    struct snapshot_summary *ret_summary, struct buf *why);

#endif
