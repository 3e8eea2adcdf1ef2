/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

enum store_status errand_run(struct local *s, void (*run)(struct local *s, void *ctx), void *ctx) {
    struct errand errand = {.run = run, .ctx = ctx};
    enum store_status status = STORE_OK;

    pthread_mutex_lock(&s->queue_lock);
    if (s->closing) {
        status = STORE_CLOSED;
    } else {
        errand.next = s->errands;
        s->errands = &errand;
        if (s->asleep) {
            s->asleep = false;
            pthread_cond_signal(&s->queue_signal);
        }
        while (!errand.done) {
            pthread_cond_wait(&s->errand_signal, &s->queue_lock);
        }
    }
    pthread_mutex_unlock(&s->queue_lock);
    return status;
}

void errand_serve(struct local *s) {
    pthread_mutex_lock(&s->queue_lock);
    while (s->errands != NULL) {
        struct errand *errand = s->errands;

        s->errands = errand->next;
        pthread_mutex_unlock(&s->queue_lock);
        errand->run(s, errand->ctx);
        pthread_mutex_lock(&s->queue_lock);
        errand->done = true;
        pthread_cond_broadcast(&s->errand_signal);
    }
    pthread_mutex_unlock(&s->queue_lock);
}
