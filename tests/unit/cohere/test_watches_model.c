/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever happens in whatever order, each watcher is told exactly the events of its span, from its start on, in order, each
 * once; and it is woken when there are some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "cohere/watches.h"
#include "fake_cluster.h"
#include "store/span.h"

enum { RUNS = 400, STEPS = 600, WATCHERS = 12, KEYS = 8, TOLD_AT_ONCE = 12 };

struct seat {
    struct store_watcher *watcher; /* NULL: free */
    struct store_watch watch;
    int64_t reached; /* everything up to it was told, or is not of interest */
    bool calls;      /* it was woken, or there was more: it will ask */
    char key[4];
    char range_end[4];
};

struct world {
    struct fake_cluster cluster;
    struct watches *watches;
    struct random random;
    struct seat seats[WATCHERS];
    struct store_span span;
    bool active;
    bool previous; /* what is told has its previous values */
    int64_t told;
};

static const struct store_engine near_engine;

static uint64_t below(struct world *w, uint64_t bound) {
    return random_below(&w->random, bound);
}

/* --- what the cluster does --- */

static void write_some(struct world *w) {
    unsigned events = 1 + (unsigned)below(w, 3);

    for (unsigned i = 0; i < events; i++) {
        char key[2] = {'a', (char)('0' + (i * 3 + below(w, 3)) % KEYS)};
        char value[300] = {0};
        size_t size = below(w, 4) == 0 ? 0 : 1 + below(w, below(w, 8) == 0 ? sizeof(value) : 16);

        fake_cluster_add(&w->cluster, slice_make(key, 2), slice_make(value, size), i == 0);
    }
}

static void deliver_some(struct world *w) {
    struct fake_cluster *c = &w->cluster;

    if (below(w, 10) == 0) {
        fake_cluster_progress(c);
    } else {
        fake_cluster_deliver(c, c->through + (int64_t)below(w, (uint64_t)(c->revision - c->through) + 1));
    }
    if (c->known < c->revision && below(w, 3) == 0) {
        c->known += 1 + (int64_t)below(w, (uint64_t)(c->revision - c->known));
    }
}

/* The node has heard of what is compacted, so that a watch from now on is not ended by it. */
static void compact(struct world *w) {
    struct fake_cluster *c = &w->cluster;
    int64_t revision = 1 + (int64_t)below(w, (uint64_t)c->through);

    c->known = c->known > revision ? c->known : revision;
    fake_cluster_compact(c, revision);
}

/* --- what is told --- */

static void tell_some(struct world *w) {
    struct fake_cluster *c = &w->cluster;
    int64_t to = w->told + (int64_t)below(w, TOLD_AT_ONCE);
    struct kv_event *events;
    size_t count = 0;

    to = to < c->revision ? to : c->revision;
    events = calloc(c->count + 1, sizeof(*events));
    for (size_t i = fake_cluster_behind(c, w->told); i < c->count && c->log[i].kv.mod_revision <= to; i++) {
        if (fake_cluster_wants(&(struct store_watch){.span = w->span}, &c->log[i])) {
            events[count] = c->log[i];
            events[count++].has_previous = w->previous && c->log[i].has_previous;
        }
    }
    watches_tell(w->watches, events, count, to);
    w->told = to;
    free(events);
}

static void begin_or_reset(struct world *w) {
    if (!w->active || below(w, 3) > 0) {
        int64_t from = w->active ? w->told : 0;

        w->told = from + (int64_t)below(w, (uint64_t)(w->cluster.revision - from) + 1);
        watches_begin(w->watches, w->told);
        w->active = true;
    } else {
        fake_cluster_rewind(&w->cluster);
        watches_reset(w->watches);
        w->active = false;
        w->previous = false;
        w->told = 0;
        for (size_t i = 0; i < WATCHERS; i++) {
            struct seat *s = &w->seats[i];
            struct store_batch batch;

            if (s->watcher != NULL) {
                assert_true(s->calls);
                watches_next(s->watcher, 100, &batch);
                assert_int_equal(batch.status, STORE_CLOSED);
                store_batch_fini(&batch);
                watches_close(s->watcher);
                s->watcher = NULL;
            }
        }
    }
}

/* As somebody wants them, sooner or later; and not any more if nobody does. */
static void change_previous(struct world *w) {
    if (!w->previous && watches_wants_previous(w->watches)) {
        watches_begin_previous(w->watches, w->told);
        w->previous = true;
    } else if (w->previous) {
        w->previous = !watches_end_previous(w->watches);
    }
}

/* --- watchers --- */

static void on_wake(void *ctx) {
    ((struct seat *)ctx)->calls = true;
}

static void choose_span(struct world *w, struct seat *s) {
    snprintf(s->key, sizeof(s->key), "a%u", (unsigned)below(w, KEYS));
    s->watch.span.key = slice_make(s->key, 2);
    switch (below(w, 4)) {
    case 0:
        s->watch.span.range_end = SLICE("");
        break;
    case 1:
        s->watch.span.range_end = slice_make("", 1);
        break;
    case 2:
        s->watch.span = (struct store_span){.key = SLICE("a"), .range_end = SLICE("b")};
        break;
    default:
        snprintf(s->range_end, sizeof(s->range_end), "a%u", (unsigned)below(w, KEYS));
        s->watch.span.range_end = slice_make(s->range_end, 2);
        break;
    }
}

static void open_one(struct world *w, struct seat *s) {
    struct fake_cluster *c = &w->cluster;
    enum store_status status;
    int64_t revision;

    s->watch = (struct store_watch){
        .want_previous = below(w, 2) == 0,
        .no_put = below(w, 6) == 0,
        .no_delete = below(w, 6) == 0,
        .start_revision = below(w, 2) == 0 ? 0 : 1 + (int64_t)below(w, (uint64_t)c->revision + 8),
    };
    choose_span(w, s);
    s->calls = true; /* it asks once by itself */
    s->watcher = watches_open(w->watches, &s->watch, on_wake, s, &status, &revision);
    assert_int_equal(status, STORE_OK);
    s->reached = s->watch.start_revision > 0 ? s->watch.start_revision - 1 : revision;
    if (s->watch.start_revision == 0 && revision == 0 && !(w->active && store_span_within(&s->watch.span, &w->span))) {
        s->reached = c->through; /* the cluster has never been heard of: from when it knows of the watch */
    }
}

static void expect_event(const struct seat *s, const struct kv_event *found, const struct kv_event *wanted) {
    assert_int_equal(found->kind, wanted->kind);
    assert_int_equal(found->kv.mod_revision, wanted->kv.mod_revision);
    assert_true(slice_equal(found->kv.key, wanted->kv.key));
    assert_true(slice_equal(found->kv.value, wanted->kv.value));
    assert_int_equal(found->has_previous, s->watch.want_previous && wanted->has_previous);
    if (found->has_previous) {
        assert_true(slice_equal(found->previous.value, wanted->previous.value));
    }
}

/* All that is wanted up to the batch's revision, and nothing else, is in it. */
static void expect_batch(struct world *w, struct seat *s, const struct store_batch *batch) {
    const struct fake_cluster *c = &w->cluster;
    size_t found = 0;

    for (size_t i = fake_cluster_behind(c, s->reached); i < c->count && c->log[i].kv.mod_revision <= batch->revision;
         i++) {
        if (fake_cluster_wants(&s->watch, &c->log[i])) {
            assert_true(found < batch->count);
            expect_event(s, &batch->events[found++], &c->log[i]);
        }
    }
    assert_int_equal(found, batch->count);
    s->reached = batch->revision > s->reached ? batch->revision : s->reached;
}

static void ask(struct world *w, struct seat *s) {
    struct store_batch batch;

    s->calls = false;
    watches_next(s->watcher, below(w, 600), &batch);
    if (batch.status == STORE_COMPACTED) {
        assert_true(s->reached + 1 < w->cluster.compacted);
        watches_close(s->watcher);
        s->watcher = NULL;
    } else {
        assert_int_equal(batch.status, STORE_OK);
        expect_batch(w, s, &batch);
        s->calls = s->calls || batch.more;
    }
    store_batch_fini(&batch);
}

static void step(struct world *w) {
    struct seat *s = &w->seats[below(w, WATCHERS)];

    switch (below(w, 16)) {
    case 0:
    case 1:
    case 2:
        write_some(w);
        break;
    case 3:
    case 4:
        deliver_some(w);
        break;
    case 5:
    case 6:
    case 7:
        if (w->active) {
            tell_some(w);
        }
        break;
    case 8:
    case 9:
        watches_wake(w->watches);
        break;
    case 10:
        if (below(w, w->active ? 12 : 3) == 0) {
            begin_or_reset(w);
        }
        break;
    case 11:
        if (s->watcher != NULL && below(w, 4) == 0) {
            watches_close(s->watcher);
            s->watcher = NULL;
        }
        break;
    case 13:
        if (w->active && below(w, 4) == 0) {
            change_previous(w);
        }
        break;
    case 12:
        if (below(w, 20) == 0 && w->cluster.through > 1) {
            compact(w);
        }
        break;
    default:
        if (s->watcher == NULL) {
            open_one(w, s);
        } else if (s->calls || below(w, 8) == 0) {
            ask(w, s);
        }
        break;
    }
}

/* Everything comes through: whoever is owed something was woken, and gets it. */
static void drain(struct world *w) {
    struct fake_cluster *c = &w->cluster;

    while (w->active && w->told < c->revision) {
        tell_some(w);
    }
    watches_wake(w->watches);
    fake_cluster_deliver(c, c->revision);
    for (size_t i = 0; i < WATCHERS; i++) {
        struct seat *s = &w->seats[i];

        while (s->watcher != NULL && s->calls) {
            ask(w, s);
        }
        for (size_t at = fake_cluster_behind(c, s->reached); s->watcher != NULL && at < c->count; at++) {
            assert_false(fake_cluster_wants(&s->watch, &c->log[at]));
        }
    }
}

static void run(uint64_t seed) {
    static const size_t memories[] = {0, 700, 4096, 20000, 1 << 20};
    struct world w = {.span = {.key = SLICE("a"), .range_end = slice_make("", 1)}};
    struct watches_figures figures;

    random_init(&w.random, seed);
    fake_cluster_init(&w.cluster);
    if (below(&w, 3) == 0) {
        w.span = (struct store_span){.key = SLICE("a2"), .range_end = SLICE("a6")};
    }
    w.watches = watches_new(&(struct watches_config){
        .cluster = &w.cluster.base,
        .span = w.span,
        .memory = memories[below(&w, sizeof(memories) / sizeof(memories[0]))],
        .max_watchers = WATCHERS,
        .engine = &near_engine,
    });
    for (unsigned i = 0; i < STEPS; i++) {
        step(&w);
        if (i % 200 == 199) {
            drain(&w);
        }
    }
    drain(&w);
    for (size_t i = 0; i < WATCHERS; i++) {
        if (w.seats[i].watcher != NULL) {
            watches_close(w.seats[i].watcher);
        }
    }
    watches_get_figures(w.watches, &figures);
    assert_int_equal(figures.watchers, 0);
    assert_int_equal(figures.own, 0);
    assert_int_equal(w.cluster.open, 0);
    watches_free(w.watches);
    fake_cluster_fini(&w.cluster);
}

static void each_is_told_exactly_what_it_wants(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_exactly_what_it_wants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
