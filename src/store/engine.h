/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ENGINE_H
#define LARDER_STORE_ENGINE_H

#include "store/store.h"

/* What an engine implements; each function as store_<name> in store.h says. */
struct store_engine {
    void (*submit)(struct store *s, struct store_call *call);
    struct store_watcher *(*watch_open)(struct store *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                        void *ctx, enum store_status *ret_status, int64_t *ret_revision);
    void (*watcher_next)(struct store_watcher *w, size_t max_bytes, struct store_batch *ret_batch);
    void (*watcher_close)(struct store_watcher *w);
    bool (*observe)(struct store *s, const struct store_observer *observer, void *ctx);
    int64_t (*proven_ns)(struct store *s);
    int64_t (*revision)(const struct store *s);
    enum store_status (*note_get)(struct store *s, struct slice name, struct arena *arena, struct slice *ret_value);
    enum store_status (*hash_kv)(struct store *s, int64_t revision, uint32_t *ret_hash, int64_t *ret_revision,
                                 int64_t *ret_compact_revision);
    enum store_status (*hash)(struct store *s, uint32_t *ret_hash, int64_t *ret_revision);
    struct store_snapshot *(*snapshot_open)(struct store *s, enum store_status *ret_status);
    enum store_status (*snapshot_read)(struct store_snapshot *snapshot, char *data, size_t size, size_t *ret_size);
    uint64_t (*snapshot_size)(const struct store_snapshot *snapshot);
    void (*snapshot_close)(struct store_snapshot *snapshot);
    void (*get_figures)(struct store *s, struct store_figures *ret_figures);
    void (*close)(struct store *s);
};

/* The first member of an engine's store, of its watcher and of its snapshot. */
struct store {
    const struct store_engine *engine;
};

struct store_watcher {
    const struct store_engine *engine;
};

struct store_snapshot {
    const struct store_engine *engine;
};

#endif
