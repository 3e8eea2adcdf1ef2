/* SPDX-License-Identifier: Apache-2.0 */
#include "base/background.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct background {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t signal;
    struct background_job *first;
    struct background_job **end;
    bool started;
    bool closing;
    pthread_t thread;
};

struct background *background_new(void) {
    struct background *b = calloc(1, sizeof(*b));

    if (b != NULL) {
        pthread_mutex_init(&b->lock, NULL);
        pthread_cond_init(&b->signal, NULL);
        b->end = &b->first;
    }
    return b;
}

/* The next job, or NULL when there will be no more. */
static struct background_job *take(struct background *b) {
    struct background_job *job;

    pthread_mutex_lock(&b->lock);
    while (b->first == NULL && !b->closing) {
        pthread_cond_wait(&b->signal, &b->lock);
    }
    job = b->first;
    if (job != NULL) {
        b->first = job->next;
        if (b->first == NULL) {
            b->end = &b->first;
        }
    }
    pthread_mutex_unlock(&b->lock);
    return job;
}

static void *run(void *argument) {
    struct background *b = argument;
    struct background_job *job = take(b);

    while (job != NULL) {
        job->run(job);
        job = take(b);
    }
    return NULL;
}

/* Signals are for the control thread, so the new one has them all blocked. */
static bool start(struct background *b) {
    sigset_t all;
    sigset_t before;

    if (!b->started) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        b->started = pthread_create(&b->thread, NULL, run, b) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return b->started;
}

bool background_post(struct background *b, struct background_job *job) {
    bool taken;

    pthread_mutex_lock(&b->lock);
    taken = !b->closing && start(b);
    if (taken) {
        job->next = NULL;
        *b->end = job;
        b->end = &job->next;
        pthread_cond_signal(&b->signal);
    }
    pthread_mutex_unlock(&b->lock);
    return taken;
}

void background_free(struct background *b) {
    if (b == NULL) {
        return;
    }
    pthread_mutex_lock(&b->lock);
    b->closing = true;
    pthread_cond_signal(&b->signal);
    pthread_mutex_unlock(&b->lock);
    /* `started` changes no more: only a post that is not refused starts the thread. */
    if (b->started) {
        pthread_join(b->thread, NULL);
    }
    assert(b->first == NULL);
    pthread_cond_destroy(&b->signal);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
