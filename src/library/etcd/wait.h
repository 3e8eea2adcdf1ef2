/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_WAIT_H
#define LARDER_LIBRARY_ETCD_WAIT_H

#include <pthread.h>
#include <stdbool.h>

#include "store/etcd/etcd.h"

/* A thread that waits for the engine's: for a call, or for an errand. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_over;
};

void waiter_init(struct waiter *w);

/* By the other thread, which must not touch it any more. */
void waiter_end(struct waiter *w);

/* Returns when it has ended, and gives up what the waiter has. */
void waiter_wait(struct waiter *w);

/* Runs an errand on the engine's thread and waits until it is done; its own `done` is called there by whoever runs it. */
struct waited_errand {
    struct etcd_errand errand; /* first */
    struct waiter waiter;
};

/* The errand is not touched any more when it returns. `run` ends with waiter_end. */
void waiter_run(struct store *store, struct waited_errand *errand,
                void (*run)(struct store *s, struct etcd_errand *errand));

#endif
