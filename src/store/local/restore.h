/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_RESTORE_H
#define LARDER_STORE_LOCAL_RESTORE_H

#include "base/buf.h"
#include "store/local/snapshot_parse.h"

/* Snapshots in files, and stores made of them. */

/* Called now and then: how many of how many bytes of the file are read. */
typedef void restore_progress_fn(void *ctx, uint64_t done, uint64_t total);

struct restore_watcher {
    restore_progress_fn *progress; /* NULL: nobody wants to know */
    void *ctx;
};

/* Reads a snapshot to its end. True: it is whole and undamaged. False: `why` has a sentence for people. */
bool local_check_snapshot(const char *file, const struct restore_watcher *watcher, struct snapshot_summary *ret_summary,
                          struct buf *why);

/* Makes a store of a snapshot. The directory must not be there: it gets its name when the whole snapshot was found to be
 * undamaged and the store is durable. Until then the work is in a directory beside it, DIRECTORY.restoring, which a restore
 * that was ended in the middle leaves and the next one takes over. False: `why` has a sentence for people, and nothing is
 * left. */
bool local_restore_watched(const char *file, const char *directory, const struct restore_watcher *watcher,
                           struct snapshot_summary *ret_summary, struct buf *why);

static inline bool local_restore(const char *file, const char *directory, struct buf *why) {
    const struct restore_watcher nobody = {.progress = NULL};
    struct snapshot_summary summary;

    return local_restore_watched(file, directory, &nobody, &summary, why);
}

#endif
