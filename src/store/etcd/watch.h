/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_WATCH_H
#define LARDER_STORE_ETCD_WATCH_H

#include "store/etcd/client.h"

/* Watches of a cluster, any number on one stream of the client (but see etcd_watch_open_alone). A watch survives the loss of its stream or member: it goes on
 * after the last revision it has handed out, whole, and none is handed out twice or in pieces. Fragments are put together.
 * A revision that the server sends and that is not above the last one is dropped (etcd#15271, #20221). */
struct etcd_watches; /* the streams of one client and what is on them */
struct etcd_watch;

struct etcd_watch_events {
    /* Events of whole revisions, in order; borrowed. `revision` is that of the last one. */
    void (*on_events)(void *ctx, const struct kv_event *events, size_t count, int64_t revision);
    /* The cluster knows the watch; `revision` is the store's at that moment and no proof of progress (pitfall 3). After each
     * loss it comes again. */
    void (*on_created)(void *ctx, int64_t revision);
    /* Everything up to `revision` has been handed out: a progress notification that etcd sent, by itself or asked for it.
     * Only from servers of which it is true (etcd#15220: from 3.4.31, 3.5.13 and 3.6 on); of others it is passed over.
     * May be NULL. */
    void (*on_progress)(void *ctx, int64_t revision);
    /* Nothing is heard for now. May be NULL. */
    void (*on_lost)(void *ctx);
    /* The end, no event follows, etcd_watch_close is still due. COMPACTED: what it would go on with is gone, up to
     * compact_revision. DENIED, EMPTY_KEY (no key can be in the span), TOO_MANY_WATCHERS, NO_MEMORY; PROTOCOL: anything else
     * that etcd said. `text` are its words. */
    void (*on_end)(void *ctx, enum store_status status, int64_t compact_revision, struct slice text);
};

enum { ETCD_WATCH_FRAGMENTS_MAX = 256 << 20 /* bytes of one revision in pieces; more ends the watch with NO_MEMORY */ };

/* NULL: out of memory. */
struct etcd_watches *etcd_watches_new(struct etcd_client *client);

/* All its watches are closed; before etcd_client_free. NULL is allowed. */
void etcd_watches_free(struct etcd_watches *watches);

/* `watch` is copied. start_revision 0: from when the cluster first knows of it; on_created tells when that is, and after a
 * loss it goes on from there. `progress`: ask for progress notifications. NULL: out of memory. */
struct etcd_watch *etcd_watch_open(struct etcd_watches *watches, const struct store_watch *watch, bool progress,
                                   const struct etcd_watch_events *events, void *ctx);

/* The same on a stream of its own, so that what the stream tells of progress is of this watch (etcd#17507, #20242). It
 * misses nothing at the edge of a compaction (etcd#19179): if the first revision that it still wants is the one up to which was
 * compacted, it ends with COMPACTED. */
struct etcd_watch *etcd_watch_open_alone(struct etcd_watches *watches, const struct store_watch *watch, bool progress,
                                         const struct etcd_watch_events *events, void *ctx);

/* Asks the server how far a watch is that is alone on its stream and asks for progress; on_progress tells, if the answer comes
 * and can be believed: one for the stream as a whole, without events, that neither creates nor cancels, of a server of which
 * it is true. Nothing is asked where it would not be, nor while the cluster does not have the watch. */
void etcd_watch_ask_progress(struct etcd_watch *watch);

/* Whether progress of the members that are well can be believed, as far as their versions are known. */
enum etcd_progress { ETCD_PROGRESS_UNKNOWN, ETCD_PROGRESS_TRUE, ETCD_PROGRESS_FALSE };
enum etcd_progress etcd_watches_progress(const struct etcd_watches *watches);

/* Stops and goes on: a paused watch is not with the cluster, and costs nothing there. It goes on where it stopped. Both do
 * nothing where there is nothing to do. Out of memory, etcd_watch_resume ends the watch from inside (NO_MEMORY). */
void etcd_watch_pause(struct etcd_watch *watch);
void etcd_watch_resume(struct etcd_watch *watch);

/* No event follows. NULL is allowed; it may be called inside its events. */
void etcd_watch_close(struct etcd_watch *watch);

#endif
