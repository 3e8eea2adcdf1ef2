/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_KEPT_H
#define LARDER_LIBRARY_ETCD_KEPT_H

#include <pthread.h>
#include <stdatomic.h>

#include "library/etcd/client.h"

struct place;

/* A lease that is kept alive. */
struct larder_etcd_lease {
    struct larder_etcd *client;
    int64_t id;
    int fd; /* a flag, raised when it is lost */
    larder_etcd_lost_fn *on_lost;
    void *ctx;
    _Atomic int64_t end_ns; /* when it is over if nothing more comes, by the monotonic clock */
    atomic_bool lost;
    struct etcd_kept *kept; /* the engine's thread */

    pthread_mutex_t lock; /* for `places` */
    struct place *places; /* in lines (line.h) where it stands: two of one name would be the same key */
};

#endif
