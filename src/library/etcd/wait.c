/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/wait.h"

void waiter_init(struct waiter *w) {
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->ended, NULL);
    w->is_over = false;
}

void waiter_end(struct waiter *w) {
    pthread_mutex_lock(&w->lock);
    w->is_over = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
}

void waiter_wait(struct waiter *w) {
    pthread_mutex_lock(&w->lock);
    while (!w->is_over) {
        pthread_cond_wait(&w->ended, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    pthread_cond_destroy(&w->ended);
    pthread_mutex_destroy(&w->lock);
}

void waiter_run(struct store *store, struct waited_errand *errand,
                void (*run)(struct store *s, struct etcd_errand *errand)) {
    waiter_init(&errand->waiter);
    errand->errand.run = run;
    etcd_store_post(store, &errand->errand);
    waiter_wait(&errand->waiter);
}
