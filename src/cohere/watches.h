/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_WATCHES_H
#define LARDER_COHERE_WATCHES_H

#include "store/store.h"

/* Any number of watchers that are fed by one watch of the cluster. The events of late are remembered, up to a ceiling; a
 * watcher is a place in them. So a slow one costs nobody anything: if what it has not read yet is forgotten, it goes on with
 * a watch of its own of the cluster until it has caught up (and only that one costs the cluster something). So does one
 * that begins before what is remembered, and one of keys beyond the span that is told of here.
 *
 * Previous values are dear: etcd reads its store for each event that comes with one. So they are told of only while somebody
 * wants them, and who does has a watch of his own of the cluster until they are.
 *
 * What is told comes from one thread; watchers are opened, read and closed on any, each on one. */
struct watches;

struct watches_config {
    struct store *
        cluster; /* for those that cannot be fed from here; outlives it. Its store_revision is what the node has heard of;
                             * it takes no lock, and begins anew before watches_reset */
    struct store_span span; /* that is told of; copied */
    /* The first that wants previous values has come. Any thread; it must be quick and must not call a function of these. NULL:
     * nobody is told. */
    void (*want_previous)(void *ctx);
    void *ctx;
    size_t memory; /* bytes of events that are remembered */
    size_t max_watchers;
    const struct store_engine *engine; /* of the watchers, see store/engine.h */
};

/* NULL: out of memory. */
struct watches *watches_new(const struct watches_config *config);

/* All watchers are closed. NULL is allowed. */
void watches_free(struct watches *w);

/* --- what is told; one thread --- */

/* From behind this revision on, everything is told. Until then (and after watches_reset) watchers use the cluster. Once more,
 * with a later revision: what lies between was not told, and who wants it gets it from the cluster. */
void watches_begin(struct watches *w, int64_t revision);
/* Events of whole revisions, in order; and that everything up to `revision` was told. They are remembered when this returns: who
 * watches from now on does not get them any more. They can be read, and those who want them are woken, with watches_wake, which
 * is to be called soon, when reads of the store can find them as well; also if there were no events. */
void watches_tell(struct watches *w, const struct kv_event *events, size_t count, int64_t revision);
void watches_wake(struct watches *w);
/* From behind this revision on, what is told has its previous values. */
void watches_begin_previous(struct watches *w, int64_t revision);
/* It has not any more. False: somebody wants them, so they are still to be told. */
bool watches_end_previous(struct watches *w);
/* Whether somebody wants them. Any thread. */
bool watches_wants_previous(struct watches *w);
/* The revisions begin anew: all watchers end with CLOSED, so that whoever has them begins anew as well. */
void watches_reset(struct watches *w);

/* --- as the functions of store.h. One that is fed from here is as strict as the embedded engine's: it begins where it says, and
 * waits for a start that is still to come. *ret_revision is then what was told, or what the node has heard of in an answer to
 * somebody if that is more, and may be ahead of what can be read. So who watches from now on gets nothing that was answered before.
 * One that has its own watch of the cluster is what the cluster's engine makes it. It finds out that it can be fed from here
 * when something comes for it, or progress does; so a quiet one may keep its own watch for as long as the cluster is silent
 * about it (etcd: 10 minutes). A watcher that cannot get its own watch ends with the status of that. --- */

struct store_watcher *watches_open(struct watches *w, const struct store_watch *watch, void (*wake)(void *ctx),
                                   void *ctx, enum store_status *ret_status, int64_t *ret_revision);
void watches_next(struct store_watcher *watcher, size_t max_bytes, struct store_batch *ret_batch);
void watches_close(struct store_watcher *watcher);

struct watches_figures {
    uint64_t watchers;    /* that are open */
    uint64_t own;         /* of them, with a watch of their own of the cluster right now */
    uint64_t remembered;  /* events */
    uint64_t bytes;       /* that they take */
    int64_t first;        /* the first revision that is remembered */
    uint64_t fell_behind; /* times that a watcher had to go to the cluster because it was too slow */
};

/* Any thread. */
void watches_get_figures(struct watches *w, struct watches_figures *ret_figures);

#endif
