/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_WATCH_H
#define LARDER_LIBRARY_ETCD_WATCH_H

#include "library/etcd/client.h"

/* A watch and who waits for it: a watcher of the store, whose word that there is something makes a descriptor readable. */
struct larder_etcd_watch {
    struct larder_etcd *client;
    struct store_watcher *watcher;
    int fd;       /* a flag */
    bool owns_fd; /* else it is whoever's who watches */
    int64_t told; /* all up to it has been handed out */
    bool has_batch;
    struct store_batch batch; /* taken from the watcher and not handed out yet */
};

/* A descriptor that can be made readable and unreadable; -1: the kernel refuses. */
int flag_open(void);
void flag_raise(int fd);
void flag_lower(int fd);

/* Watches from a revision above 0. `flag` is raised when there may be something, and outlives the watch; -1: it gets one of its
 * own. Errors: BUSY, NO_MEMORY, SYSTEM. */
enum larder_status watch_open(struct larder_etcd *client, const struct store_watch *wish, int flag,
                              struct larder_etcd_watch **ret_watch);

/* The next batch, in watch->batch: waits until `deadline_ns` (INT64_MAX: for ever). False: there is none yet. Whoever has handed it
 * out calls watch_done. */
bool watch_wait(struct larder_etcd_watch *watch, int64_t deadline_ns);
void watch_done(struct larder_etcd_watch *watch);

/* When a wait of `wait_ms` from now is over. */
int64_t watch_deadline(unsigned wait_ms);

/* For poll: how long it is until then, rounded up, so that it is not over before its time; -1: for ever. */
int watch_left_ms(int64_t deadline_ns);

#endif
