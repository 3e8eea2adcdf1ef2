/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_ASKER_H
#define LARDER_LIBRARY_ETCD_ASKER_H

#include <pthread.h>

#include "library/etcd/told.h"
#include "library/etcd/watch.h"

/* Whoever asks the store and does other things meanwhile: a flag says when an answer has come. He may leave before that; then the last
 * answer is what frees him. */
struct asker {
    struct larder_etcd *client;
    int fd;                               /* the flag */
    void (*release)(struct asker *asker); /* frees it; on the thread that leaves, or on the engine's */

    pthread_mutex_t lock;
    size_t under_way; /* questions; under the lock, as the next is */
    bool is_left;
};

/* What he asks. */
struct inquiry {
    struct store_call call; /* first; `op` and retry_unknown are filled in after inquiry_init */
    struct asker *asker;
    struct told told;
    bool is_answered; /* under the asker's lock */
};

/* False: the kernel has no descriptor. */
bool asker_init(struct asker *a, struct larder_etcd *client, void (*release)(struct asker *asker));
void asker_fini(struct asker *a);

/* Gives him up: `release` is called, at once, or when the last question is answered. */
void asker_leave(struct asker *a);

/* Makes it ready to be put, for the first time or again: what was answered before is gone. It began as all zeros. */
void inquiry_init(struct inquiry *q);
void inquiry_fini(struct inquiry *q);

/* All that the operation borrows stays in place until it is answered. */
void inquiry_put(struct inquiry *q, struct asker *a);

/* Whether the answer has come; if not, the flag will say so. With `waits` it has. */
bool inquiry_wait(struct inquiry *q, bool waits);

#endif
