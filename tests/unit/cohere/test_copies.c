/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "model.h"

enum { SEEDS = 40, STEPS = 20000, READERS = 5, MEMORY = 1 << 20 };

static int setup(void **state) {
    struct model *m = malloc(sizeof(*m));

    model_init(m, MEMORY, 7);
    *state = m;
    return 0;
}

static int teardown(void **state) {
    model_fini(*state);
    free(*state);
    return 0;
}

static _Atomic int64_t everything = INT64_MAX;

/* The revision of the copy; 0: there is none. */
static int64_t copy(struct model *m, unsigned key) {
    int64_t revision = 0;

    return model_copy(m, key, &everything, &revision) ? revision : 0;
}

static struct model_state there(int64_t revision) {
    return (struct model_state){.revision = revision, .present = true};
}

static struct model_state gone(int64_t revision) {
    return (struct model_state){.revision = revision};
}

static void reads_make_copies_and_writes_do_not(void **state) {
    struct model *m = *state;

    model_observe(m, 0, there(2));
    assert_int_equal(copy(m, 0), 0);
    model_fill(m, 0, there(2), 5);
    assert_int_equal(copy(m, 0), 2);
}

static void events_keep_a_copy_up_to_date(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(2), 2);
    model_observe(m, 0, there(3));
    assert_int_equal(copy(m, 0), 3);
    model_observe(m, 0, there(7)); /* large */
    assert_int_equal(copy(m, 0), 0);
    model_fill(m, 0, there(7), 7);
    assert_int_equal(copy(m, 0), 7);
    model_observe(m, 0, gone(8));
    assert_int_equal(copy(m, 0), 0);
}

static void an_old_event_changes_nothing(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(9), 9);
    model_observe(m, 0, there(8));
    assert_int_equal(copy(m, 0), 9);
    model_observe(m, 0, gone(6));
    assert_int_equal(copy(m, 0), 9);
    model_observe(m, 0, there(9));
    assert_int_equal(copy(m, 0), 9);
}

static void a_late_answer_is_held_back(void **state) {
    struct model *m = *state;

    model_observe(m, 0, gone(10));
    model_fill(m, 0, there(4), 9);
    assert_int_equal(copy(m, 0), 0);
    model_fill(m, 0, there(11), 11);
    assert_int_equal(copy(m, 0), 11);
    model_fill(m, 0, there(4), 9);
    assert_int_equal(copy(m, 0), 11);
    /* Also when the copy is gone. */
    model_evict(m, 0);
    model_fill(m, 0, there(4), 9);
    assert_int_equal(copy(m, 0), 0);
}

static void an_answer_holds_back_older_ones_too(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(10), 12);
    table_clear(&m->table);
    model_fill(m, 0, there(4), 9);
    assert_int_equal(copy(m, 0), 0);
    model_fill(m, 0, there(10), 11); /* the same value, found by a slower reader */
    assert_int_equal(copy(m, 0), 10);
}

static void absence_counts_like_a_value(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(4), 6);
    model_fill(m, 0, gone(8), 8);
    assert_int_equal(copy(m, 0), 0);
    model_fill(m, 0, there(4), 6);
    assert_int_equal(copy(m, 0), 0);
}

/* An answer that only another key's fence makes late is not kept, but the older copy must go. */
static void a_shared_fence_never_leaves_an_old_copy(void **state) {
    struct model *m = *state;

    assert_int_equal(model_fence(m, m->keys[0]), model_fence(m, m->keys[1]));
    model_fill(m, 0, there(4), 6);
    model_fill(m, 1, there(12), 12);
    model_fill(m, 0, there(10), 10);
    assert_int_equal(copy(m, 0), 0);
    assert_int_equal(copy(m, 1), 12);
    model_fill(m, 0, there(10), 12);
    assert_int_equal(copy(m, 0), 10);
}

static void without_room_there_is_no_copy_at_all(void **state) {
    struct model *m = *state;
    char *content = calloc(1, MEMORY);
    const struct copies_value value = {.value = slice_make(content, MEMORY), .group = 1, .mod_revision = 9};

    model_fill(m, 0, there(4), 6);
    copies_fill(&m->copies, model_key(m, 0), &value, 9, MODEL_NOW);
    assert_int_equal(copy(m, 0), 0);
    free(content);
}

static void copies_do_not_end_by_themselves(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(4), 6);
    table_sweep(&m->table, UINT32_MAX);
    assert_int_equal(copy(m, 0), 4);
}

/* --- everything in any order --- */

struct reader {
    bool busy;
    bool asked; /* the store, which has answered but was not heard yet */
    unsigned key;
    int64_t floor; /* it must not be told of less than was known when it began */
    int64_t answered;
    struct model_state found;
};

struct world {
    struct model model;
    bool events_lag; /* a revision can be read before its events come, as from another node's writes */
    struct random random;
    struct model_state newest[MODEL_KEYS];   /* as written */
    struct model_state readable[MODEL_KEYS]; /* as of `published` */
    int64_t floor[MODEL_KEYS];               /* somebody was told of this revision, as a reader or a writer */
    _Atomic int64_t published;
    unsigned untold[MODEL_KEYS]; /* keys of the newest revision whose events are still to come */
    unsigned untold_count;
    struct reader readers[READERS];
    uint64_t copies_read;
    uint64_t late;
};

static void write_revision(struct world *w) {
    int64_t revision = atomic_load(&w->published) + 1;
    unsigned first = (unsigned)random_below(&w->random, MODEL_KEYS);

    w->untold_count = 1 + (unsigned)random_below(&w->random, 3);
    for (unsigned i = 0; i < w->untold_count; i++) {
        unsigned key = (first + i) % MODEL_KEYS;

        w->untold[i] = key;
        w->newest[key] = (struct model_state){.revision = revision, .present = random_below(&w->random, 4) > 0};
    }
}

static void publish(struct world *w) {
    memcpy(w->readable, w->newest, sizeof(w->readable));
    atomic_fetch_add(&w->published, 1);
}

/* Whoever wrote the newest revision is told so. */
static void acknowledge(struct world *w) {
    for (unsigned key = 0; key < MODEL_KEYS; key++) {
        w->floor[key] = w->readable[key].revision;
    }
}

/* The store's thread: writes, or tells of one more event of what it wrote. */
static void advance(struct world *w) {
    if (w->untold_count == 0) {
        write_revision(w);
        if (w->events_lag) {
            publish(w);
        }
        return;
    }
    w->untold_count--;
    model_observe(&w->model, w->untold[w->untold_count], w->newest[w->untold[w->untold_count]]);
    if (w->untold_count == 0) {
        if (!w->events_lag) {
            publish(w);
        }
        acknowledge(w);
    }
}

static void tell(struct world *w, struct reader *r, int64_t revision) {
    if (revision < r->floor) {
        fail_msg("key %u: told of %lld after %lld was known", r->key, (long long)revision, (long long)r->floor);
    }
    if (w->floor[r->key] < revision) {
        w->floor[r->key] = revision;
    }
    r->busy = false;
}

static void step_reader(struct world *w, struct reader *r) {
    int64_t revision;

    if (!r->busy) {
        *r = (struct reader){.busy = true, .key = (unsigned)random_below(&w->random, MODEL_KEYS)};
        r->floor = w->floor[r->key];
    } else if (!r->asked && model_copy(&w->model, r->key, &w->published, &revision)) {
        w->copies_read++;
        tell(w, r, revision);
    } else if (!r->asked) {
        r->asked = true;
        r->answered = atomic_load(&w->published);
        r->found = w->readable[r->key];
    } else {
        w->late += r->answered < atomic_load(&w->published);
        model_fill(&w->model, r->key, r->found, r->answered);
        tell(w, r, r->found.revision);
    }
}

static void step(struct world *w) {
    unsigned choice = (unsigned)random_below(&w->random, 1000);

    if (choice < 200) {
        advance(w);
    } else if (choice < 220) {
        model_evict(&w->model, (unsigned)random_below(&w->random, MODEL_KEYS));
    } else if (choice == 220) {
        table_clear(&w->model.table);
    } else {
        step_reader(w, &w->readers[random_below(&w->random, READERS)]);
    }
}

static void any_order_is_as_if_there_were_no_copies(void **state) {
    uint64_t copies_read = 0;
    uint64_t late = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world *w = calloc(1, sizeof(*w));

        w->events_lag = seed % 2 == 1;
        model_init(&w->model, MEMORY, seed);
        random_init(&w->random, seed);
        for (int i = 0; i < STEPS; i++) {
            step(w);
        }
        copies_read += w->copies_read;
        late += w->late;
        model_fini(&w->model);
        free(w);
    }
    assert_true(copies_read > SEEDS * STEPS / 20);
    assert_true(late > SEEDS * STEPS / 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_make_copies_and_writes_do_not, setup, teardown),
        cmocka_unit_test_setup_teardown(events_keep_a_copy_up_to_date, setup, teardown),
        cmocka_unit_test_setup_teardown(an_old_event_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_answer_is_held_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_holds_back_older_ones_too, setup, teardown),
        cmocka_unit_test_setup_teardown(absence_counts_like_a_value, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shared_fence_never_leaves_an_old_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(without_room_there_is_no_copy_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_do_not_end_by_themselves, setup, teardown),
        cmocka_unit_test(any_order_is_as_if_there_were_no_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
