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
    copies_fill(&m->copies, model_key(m, 0), &value, &(struct copies_found){.revision = 9}, MODEL_NOW);
    assert_int_equal(copy(m, 0), 0);
    free(content);
}

static void copies_do_not_end_by_themselves(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(4), 6);
    table_sweep(&m->table, UINT32_MAX);
    assert_int_equal(copy(m, 0), 4);
}

/* --- in front of a cluster --- */

static void what_is_told_before_its_turn_stays(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(4), 6);
    model_observe(m, 0, there(10)); /* early */
    assert_int_equal(copy(m, 0), 10);
    model_observe(m, 0, there(8));
    model_observe(m, 0, gone(9));
    assert_int_equal(copy(m, 0), 10);
    model_fill(m, 0, there(8), 9);
    assert_int_equal(copy(m, 0), 10);
    model_evict(m, 0);
    model_fill(m, 0, there(8), 9);
    assert_int_equal(copy(m, 0), 0);
    model_fill(m, 0, there(10), 9); /* the store has it as well, and is not there yet */
    assert_int_equal(copy(m, 0), 10);
    model_observe(m, 0, there(10));
    assert_int_equal(copy(m, 0), 10);
}

static void a_reset_lets_revisions_begin_anew(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(40), 60);
    model_fill(m, 3, gone(50), 60);
    model_reset(m);
    for (unsigned key = 0; key < MODEL_KEYS; key++) {
        assert_int_equal(copy(m, key), 0);
        model_fill(m, key, there(2), 3);
        assert_int_equal(copy(m, key), 2);
    }
    model_observe(m, 0, there(4));
    assert_int_equal(copy(m, 0), 4);
}

static void an_answer_of_an_earlier_era_is_none(void **state) {
    struct model *m = *state;
    struct model_answer answer = {.asked = model_asks(m), .era = m->era, .revision = 60, .found = there(40)};

    model_reset(m);
    model_fill_answer(m, 0, &answer);
    assert_int_equal(copy(m, 0), 0);
    model_fill(m, 0, there(2), 3); /* nor does it hold back what is older by number */
    assert_int_equal(copy(m, 0), 2);
    answer.found = gone(40);
    model_fill_answer(m, 0, &answer);
    assert_int_equal(copy(m, 0), 2);
}

struct purge_check {
    const struct copies *copies;
    uint64_t before;
    bool seen;
};

static bool is_in_the_next_era(void *ctx, struct entry *e) {
    struct purge_check *check = ctx;

    (void)e;
    check->seen = true;
    assert_int_equal(copies_era(check->copies), check->before + 1);
    return true;
}

/* Else an answer of the era before could come in behind the purge. */
static void the_next_era_begins_before_the_purge(void **state) {
    struct model *m = *state;
    struct purge_check check = {.copies = &m->copies, .before = model_asks(m)};

    model_fill(m, 0, there(4), 6);
    copies_reset(&m->copies, is_in_the_next_era, &check);
    assert_true(check.seen);
}

static void a_reset_leaves_what_is_no_copy(void **state) {
    struct model *m = *state;
    const struct shard_put put = {.value_size = 1, .group = 2};
    const struct slice key = SLICE("memory");
    uint64_t hash = table_hash(&m->table, key);
    struct shard *s = table_lock(&m->table, hash);

    entry_value(shard_put(s, hash, key, &put, MODEL_NOW))[0] = 'x';
    table_unlock(s);
    model_reset(m);
    s = table_lock(&m->table, hash);
    assert_non_null(shard_find(s, hash, key, MODEL_NOW, NULL));
    table_unlock(s);
}

static void only_the_copy_of_that_revision_is_dropped(void **state) {
    struct model *m = *state;

    model_fill(m, 0, there(4), 6);
    assert_false(copies_drop(&m->copies, model_key(m, 0), 3, MODEL_NOW));
    assert_int_equal(copy(m, 0), 4);
    assert_true(copies_drop(&m->copies, model_key(m, 0), 4, MODEL_NOW));
    assert_int_equal(copy(m, 0), 0);
    assert_false(copies_drop(&m->copies, model_key(m, 0), 4, MODEL_NOW));
}

/* --- everything in any order --- */

struct reader {
    bool busy;
    bool asked; /* the store, which has answered but was not heard yet */
    unsigned key;
    uint64_t era;  /* in which it began */
    int64_t floor; /* it must not be told of less than was known when it began */
    struct model_answer answer;
};

/* A write of this node that was told before its turn. */
struct ahead {
    unsigned key;
    struct model_state state; /* revision 0: there is none */
};

struct world {
    struct model model;
    bool has_early; /* writes are told before their turn */
    struct ahead ahead;
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
    uint64_t early;
    uint64_t resets;
};

static struct model_state any_state(struct world *w, int64_t revision) {
    return (struct model_state){.revision = revision, .present = random_below(&w->random, 4) > 0};
}

/* What a read of the store finds is the newest it was told of, and it answers as of `published`. */
static void tell_early(struct world *w) {
    int64_t revision = atomic_load(&w->published) + 2 + (int64_t)random_below(&w->random, 4);

    w->ahead.key = (unsigned)random_below(&w->random, MODEL_KEYS);
    w->ahead.state = any_state(w, revision);
    model_observe(&w->model, w->ahead.key, w->ahead.state);
    w->readable[w->ahead.key] = w->ahead.state;
    w->floor[w->ahead.key] = revision;
    w->early++;
}

static void write_revision(struct world *w) {
    int64_t revision = atomic_load(&w->published) + 1;
    unsigned first = (unsigned)random_below(&w->random, MODEL_KEYS);

    if (w->ahead.state.revision == revision) {
        w->untold[0] = w->ahead.key;
        w->untold_count = 1;
        w->newest[w->ahead.key] = w->ahead.state;
        w->ahead.state.revision = 0;
        return;
    }
    w->untold_count = 1 + (unsigned)random_below(&w->random, 3);
    for (unsigned i = 0; i < w->untold_count; i++) {
        unsigned key = (first + i) % MODEL_KEYS;

        w->untold[i] = key;
        w->newest[key] = any_state(w, revision);
    }
}

static void publish(struct world *w) {
    for (unsigned key = 0; key < MODEL_KEYS; key++) {
        if (w->readable[key].revision < w->newest[key].revision) {
            w->readable[key] = w->newest[key];
        }
    }
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
    if (w->has_early && w->ahead.state.revision == 0 && random_below(&w->random, 8) == 0) {
        tell_early(w);
    } else if (w->untold_count == 0) {
        write_revision(w);
        if (w->events_lag) {
            publish(w);
        }
    } else {
        w->untold_count--;
        model_observe(&w->model, w->untold[w->untold_count], w->newest[w->untold[w->untold_count]]);
        if (w->untold_count == 0) {
            if (!w->events_lag) {
                publish(w);
            }
            acknowledge(w);
        }
    }
}

/* The cluster is another one now: an older state of it, or one that never was the same. */
static void begin_anew(struct world *w) {
    memset(w->newest, 0, sizeof(w->newest));
    memset(w->readable, 0, sizeof(w->readable));
    memset(w->floor, 0, sizeof(w->floor));
    w->untold_count = 0;
    w->ahead.state.revision = 0;
    atomic_store(&w->published, (int64_t)random_below(&w->random, (uint64_t)atomic_load(&w->published) + 1));
    model_reset(&w->model);
    w->resets++;
}

static void tell(struct world *w, struct reader *r, int64_t revision) {
    r->busy = false;
    if (r->era != w->model.era) {
        return; /* it began when all was otherwise */
    }
    if (revision < r->floor) {
        fail_msg("key %u: told of %lld after %lld was known", r->key, (long long)revision, (long long)r->floor);
    }
    if (w->floor[r->key] < revision) {
        w->floor[r->key] = revision;
    }
}

static void step_reader(struct world *w, struct reader *r) {
    int64_t revision;

    if (!r->busy) {
        *r = (struct reader){.busy = true, .key = (unsigned)random_below(&w->random, MODEL_KEYS), .era = w->model.era};
        r->floor = w->floor[r->key];
    } else if (!r->asked && model_copy(&w->model, r->key, &w->published, &revision)) {
        w->copies_read++;
        tell(w, r, revision);
    } else if (!r->asked) {
        r->asked = true;
        r->answer = (struct model_answer){
            .asked = model_asks(&w->model),
            .era = w->model.era,
            .revision = atomic_load(&w->published),
            .found = w->readable[r->key],
        };
    } else {
        w->late += r->answer.revision < atomic_load(&w->published);
        model_fill_answer(&w->model, r->key, &r->answer);
        tell(w, r, r->answer.found.revision);
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
    } else if (choice == 221 && random_below(&w->random, 10) == 0) {
        begin_anew(w);
    } else {
        step_reader(w, &w->readers[random_below(&w->random, READERS)]);
    }
}

static void any_order_is_as_if_there_were_no_copies(void **state) {
    uint64_t copies_read = 0;
    uint64_t late = 0;
    uint64_t early = 0;
    uint64_t resets = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct world *w = calloc(1, sizeof(*w));

        w->events_lag = seed % 2 == 1;
        w->has_early = seed % 4 == 0;
        model_init(&w->model, MEMORY, seed);
        random_init(&w->random, seed);
        for (int i = 0; i < STEPS; i++) {
            step(w);
        }
        copies_read += w->copies_read;
        late += w->late;
        early += w->early;
        resets += w->resets;
        model_fini(&w->model);
        free(w);
    }
    assert_true(copies_read > SEEDS * STEPS / 20);
    assert_true(late > SEEDS * STEPS / 100);
    assert_true(early > SEEDS * STEPS / 4000);
    assert_true(resets > SEEDS * STEPS / 20000);
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
        cmocka_unit_test_setup_teardown(what_is_told_before_its_turn_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_lets_revisions_begin_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_of_an_earlier_era_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_era_begins_before_the_purge, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_leaves_what_is_no_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_copy_of_that_revision_is_dropped, setup, teardown),
        cmocka_unit_test(any_order_is_as_if_there_were_no_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
