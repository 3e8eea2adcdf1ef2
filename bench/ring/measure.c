/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "nodes.h"
#include "speed.h"

/* One hash of each of so many equal parts of all hashes: what is found is then nearly the share of all hashes and not of a
 * few, and no rhythm of theirs meets one of a table. */
enum { SAMPLE_BITS = 20, SAMPLES = 1 << SAMPLE_BITS };

static uint64_t sample(uint32_t number) {
    return ((uint64_t)number << (64 - SAMPLE_BITS)) + (mix(SAMPLES, number) >> SAMPLE_BITS);
}

static void note(struct figure *f, double value) {
    f->least = f->count == 0 || value < f->least ? value : f->least;
    f->most = f->count == 0 || value > f->most ? value : f->most;
    f->sum += value;
    f->count++;
}

/* A membership and where its keys are. */
struct state {
    struct nodes nodes;
    void *self;
    uint32_t *owners; /* ids */
};

static double ms_since(int64_t began) {
    return (double)(clock_monotonic_ns() - began) / (double)CLOCK_NS_PER_MS;
}

static void look_up_all(const struct algorithm *a, struct state *s) {
    s->owners = need(SAMPLES * sizeof(s->owners[0]));
    for (uint32_t i = 0; i < SAMPLES; i++) {
        s->owners[i] = s->nodes.ids[a->look_up(s->self, sample(i))];
    }
}

static void state_fini(const struct algorithm *a, struct state *s) {
    a->destroy(s->self);
    nodes_fini(&s->nodes);
    free(s->owners);
}

static size_t allocated(void) {
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void build(const struct algorithm *a, struct state *s, struct measurement *m) {
    size_t before = allocated();
    int64_t began = clock_monotonic_ns();

    s->self = a->make(a->parameter, &s->nodes);
    note(&m->build_ms, ms_since(began));
    m->memory = allocated() - before;
    look_up_all(a, s);
}

/* The state after one node has come or gone; returns how many ms it took to make it. */
static double change(const struct algorithm *a, const struct state *old, struct state *s) {
    int64_t began = clock_monotonic_ns();
    double ms;

    s->self = a->change == NULL ? a->make(a->parameter, &s->nodes) : a->change(a->parameter, &s->nodes, old->self);
    ms = ms_since(began);
    look_up_all(a, s);
    return ms;
}

static void note_balance(const struct state *s, struct measurement *m) {
    double mean = (double)SAMPLES / (double)s->nodes.count;
    uint32_t *keys = calloc(s->nodes.count, sizeof(*keys)); /* ids are 0 .. count-1 here */
    uint32_t most = 0, least = SAMPLES;

    if (keys == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < SAMPLES; i++) {
        keys[s->owners[i]]++;
    }
    for (size_t i = 0; i < s->nodes.count; i++) {
        most = keys[i] > most ? keys[i] : most;
        least = keys[i] < least ? keys[i] : least;
    }
    note(&m->fullest, most / mean);
    note(&m->emptiest, least / mean);
    free(keys);
}

/* `node` is in one of the two alone; the larger membership says what its fair share is. */
static void note_movement(const struct state *a, const struct state *b, uint32_t node, struct movement *movement) {
    size_t count = a->nodes.count > b->nodes.count ? a->nodes.count : b->nodes.count;
    uint32_t moved = 0, needless = 0;

    for (uint32_t i = 0; i < SAMPLES; i++) {
        bool moves = a->owners[i] != b->owners[i];

        moved += moves;
        needless += moves && a->owners[i] != node && b->owners[i] != node;
    }
    note(&movement->moved, moved * (double)count / SAMPLES);
    note(&movement->needless, moved == 0 ? 0 : (double)needless / moved);
}

static void run_round(const struct algorithm *a, size_t count, unsigned round, struct measurement *m) {
    uint32_t gone = (uint32_t)(mix(round, 0) % count);
    struct state now, more, less;
    double come_ms, go_ms;

    nodes_make(round, count, UINT32_MAX, &now.nodes);
    nodes_make(round, count + 1, UINT32_MAX, &more.nodes);
    nodes_make(round, count, gone, &less.nodes);
    build(a, &now, m);
    come_ms = change(a, &now, &more);
    go_ms = change(a, &now, &less);
    note(&m->change_ms, come_ms > go_ms ? come_ms : go_ms);
    note_balance(&now, m);
    note_movement(&now, &more, (uint32_t)count, &m->come);
    note_movement(&now, &less, gone, &m->go);
    if (round == 0) {
        speed_measure(a, now.self, m);
    }
    state_fini(a, &now);
    state_fini(a, &more);
    state_fini(a, &less);
}

void measure(const struct algorithm *algorithm, size_t count, unsigned rounds, struct measurement *ret_measurement) {
    memset(ret_measurement, 0, sizeof(*ret_measurement));
    for (unsigned round = 0; round < rounds; round++) {
        run_round(algorithm, count, round, ret_measurement);
    }
}
