/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "base/background.h"

enum { JOBS = 200, POSTERS = 4 };

struct journal {
    size_t count; /* written by the background's thread alone, read when it has ended */
    size_t order[JOBS * POSTERS];
    pthread_t thread;
};

struct note {
    struct background_job job; /* first */
    struct journal *journal;
    size_t number;
};

static void write_down(struct background_job *job) {
    struct note *note = (struct note *)job;

    note->journal->order[note->journal->count++] = note->number;
    note->journal->thread = pthread_self();
}

static struct note *notes_new(struct journal *journal, size_t count) {
    struct note *notes = calloc(count, sizeof(*notes));

    assert_non_null(notes);
    for (size_t i = 0; i < count; i++) {
        notes[i] = (struct note){.job = {.run = write_down}, .journal = journal, .number = i};
    }
    return notes;
}

static void test_order(void **state) {
    struct background *b = background_new();
    struct journal journal = {0};
    struct note *notes = notes_new(&journal, JOBS);

    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        assert_true(background_post(b, &notes[i].job));
    }
    background_free(b);
    assert_int_equal(journal.count, JOBS);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(journal.order[i], i);
    }
    assert_false(pthread_equal(journal.thread, pthread_self()));
    free(notes);
}

static void test_unused(void **state) {
    (void)state;
    background_free(background_new());
    background_free(NULL);
}

/* --- the job's struct is free again once it runs --- */

struct again {
    struct background_job job; /* first */
    struct background *background;
    int left;
    bool refused;
    sem_t *done;
};

static void post_again(struct background_job *job) {
    struct again *again = (struct again *)job;

    if (again->left-- > 0) {
        again->refused = !background_post(again->background, job);
    } else {
        sem_post(again->done);
    }
}

static void test_from_inside(void **state) {
    struct background *b = background_new();
    sem_t done;
    struct again again = {.job = {.run = post_again}, .background = b, .left = 5, .done = &done};

    (void)state;
    sem_init(&done, 0, 0);
    assert_true(background_post(b, &again.job));
    assert_int_equal(sem_wait(&done), 0);
    background_free(b);
    assert_int_equal(again.left, -1);
    assert_false(again.refused);
    sem_destroy(&done);
}

/* --- ending --- */

struct gate {
    struct background_job job; /* first */
    struct background *background;
    struct background_job *late;
    sem_t entered;
    sem_t open;
    bool taken_late;
};

/* Posts until it is refused, which is when background_free has begun. */
static void wait_at_gate(struct background_job *job) {
    struct gate *gate = (struct gate *)job;

    sem_post(&gate->entered);
    sem_wait(&gate->open);
    gate->taken_late = background_post(gate->background, gate->late);
}

static void *free_it(void *argument) {
    background_free(argument);
    return NULL;
}

/* A job that was taken is done, whatever the order in which the end and the job come. */
static void test_ending(void **state) {
    struct background *b = background_new();
    struct journal journal = {0};
    struct note *notes = notes_new(&journal, 3);
    struct gate gate = {.job = {.run = wait_at_gate}, .background = b, .late = &notes[2].job};
    pthread_t ending;

    (void)state;
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    assert_true(background_post(b, &gate.job));
    assert_true(background_post(b, &notes[0].job));
    assert_true(background_post(b, &notes[1].job));
    assert_int_equal(sem_wait(&gate.entered), 0);
    assert_int_equal(pthread_create(&ending, NULL, free_it, b), 0);
    sem_post(&gate.open);
    assert_int_equal(pthread_join(ending, NULL), 0);
    assert_int_equal(journal.count, gate.taken_late ? 3 : 2);
    sem_destroy(&gate.open);
    sem_destroy(&gate.entered);
    free(notes);
}

/* --- several threads --- */

struct poster {
    struct background *background;
    struct note *notes;
    bool refused;
};

static void *post_all(void *argument) {
    struct poster *poster = argument;

    for (size_t i = 0; i < JOBS; i++) {
        poster->refused |= !background_post(poster->background, &poster->notes[i].job);
    }
    return NULL;
}

/* Every job once, and those of one thread in its order. */
static void test_many_threads(void **state) {
    struct background *b = background_new();
    struct journal journal = {0};
    struct note *notes = notes_new(&journal, JOBS * POSTERS);
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    size_t next[POSTERS] = {0};

    (void)state;
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.background = b, .notes = &notes[i * JOBS]};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    for (size_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(posters[i].refused);
    }
    background_free(b);
    assert_int_equal(journal.count, JOBS * POSTERS);
    for (size_t i = 0; i < journal.count; i++) {
        assert_int_equal(journal.order[i] % JOBS, next[journal.order[i] / JOBS]++);
    }
    free(notes);
}

/* --- signals --- */

struct mask {
    struct background_job job; /* first */
    sigset_t blocked;
};

static void look_at_mask(struct background_job *job) {
    pthread_sigmask(SIG_SETMASK, NULL, &((struct mask *)job)->blocked);
}

static void test_signals(void **state) {
    struct background *b = background_new();
    struct mask mask = {.job = {.run = look_at_mask}};
    sigset_t own;

    (void)state;
    assert_true(background_post(b, &mask.job));
    background_free(b);
    assert_int_equal(sigismember(&mask.blocked, SIGTERM), 1);
    assert_int_equal(sigismember(&mask.blocked, SIGHUP), 1);
    pthread_sigmask(SIG_SETMASK, NULL, &own);
    assert_int_equal(sigismember(&own, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),  cmocka_unit_test(test_unused),       cmocka_unit_test(test_from_inside),
        cmocka_unit_test(test_ending), cmocka_unit_test(test_many_threads), cmocka_unit_test(test_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
