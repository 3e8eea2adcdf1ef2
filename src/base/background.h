/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_BACKGROUND_H
#define LARDER_BASE_BACKGROUND_H

#include <stdbool.h>

/* One thread for work that takes too long for a thread that serves clients, such as the hash of a password or of a whole
 * store. Jobs are done one after the other, in the order they are handed in. The thread is started with the first job. */
struct background;

struct background_job {
    struct background_job *next;
    /* On the background's thread; may block. The job's struct is the caller's again as soon as this is called. */
    void (*run)(struct background_job *job);
};

/* NULL: out of memory. */
struct background *background_new(void);

/* Any thread, also from inside a job. False: no thread could be started, or it is ending; the job is then not run. */
bool background_post(struct background *b, struct background_job *job);

/* Takes no more jobs, does those it has, ends the thread, frees. NULL is allowed. */
void background_free(struct background *b);

#endif
