/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_OBSERVER_H
#define LARDER_LIBRARY_ETCD_OBSERVER_H

#include <pthread.h>

#include "library/etcd/told.h"
#include "library/etcd/watch.h"

/* Who follows an election: either he asks who leads, or he watches. One flag says that there is something of both. */
struct larder_etcd_observer {
    struct store_call question; /* first */
    struct larder_etcd *client;
    int fd; /* the flag */
    struct told told;
    bool is_asking; /* the question is put, and its answer not taken */

    struct larder_etcd_watch *watch; /* NULL: it has to be asked who leads */
    size_t next;                     /* event of its batch */
    struct slice prefix;             /* of the line's keys; behind the struct */
    char *end;                       /* of its span, likewise */
    bool has_leader;
    char *leader; /* its key */
    size_t leader_size;
    bool has_news;     /* anything was told so far */
    int64_t last_news; /* the mod_revision of what was told last; 0: that there is none */

    pthread_mutex_t lock;
    bool is_answered; /* under the lock, as the next is */
    bool is_left;     /* nobody is interested any more: it is freed when the answer comes */
};

/* Asks, if that has not been done yet. False: the answer has not come, which the flag will say; with `waits` there is one. */
bool observer_ask(struct larder_etcd_observer *observer, bool waits);

/* What was found: HIT, MISS or an error. */
enum larder_status observer_hear(struct larder_etcd_observer *observer, struct larder_etcd_result *result);

/* Gives it up: at once, or, while it asks, when the answer comes. Its watch is gone by then. */
void observer_leave(struct larder_etcd_observer *observer);

#endif
