/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_COHERE_FAKE_CLUSTER_H
#define LARDER_TESTS_COHERE_FAKE_CLUSTER_H

#include <pthread.h>

#include "store/engine.h"

/* A cluster as far as watchers see it: a log of events, of which a watcher is given what has come through to it. Any
 * thread. */
struct fake_cluster {
    struct store base; /* first */
    pthread_mutex_t lock;
    struct kv_event *log;
    size_t count;
    size_t capacity;
    int64_t revision; /* of the newest event */
    int64_t known;    /* what the node has heard of; a watcher from now on begins behind it. 0: nothing */
    int64_t through;  /* up to where watchers have been given events */
    int64_t compacted;
    struct fake_watcher *watchers;
    size_t open;             /* watchers */
    size_t opened;           /* all that ever were */
    enum store_status fails; /* what opening one ends with */
};

void fake_cluster_init(struct fake_cluster *c);
void fake_cluster_fini(struct fake_cluster *c);

/* Adds an event to the newest revision, or begins the next one. The key and the value are copied; the log knows what the key was
 * before. An empty value is a delete. */
void fake_cluster_add(struct fake_cluster *c, struct slice key, struct slice value, bool next_revision);

/* Lets everything up to `revision` come through to the watchers, and wakes them. */
void fake_cluster_deliver(struct fake_cluster *c, int64_t revision);

/* Likewise, and tells those that have nothing to read that this is so. */
void fake_cluster_progress(struct fake_cluster *c);

/* Watchers that have not come so far end with COMPACTED. */
void fake_cluster_compact(struct fake_cluster *c, int64_t revision);

/* The log begins anew. */
void fake_cluster_rewind(struct fake_cluster *c);

/* The first event of the log behind `revision`. */
size_t fake_cluster_behind(const struct fake_cluster *c, int64_t revision);

/* Whether a watch tells of an event that is new to it. */
bool fake_cluster_wants(const struct store_watch *watch, const struct kv_event *event);

#endif
