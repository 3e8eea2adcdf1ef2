/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#define START_NS (INT64_C(3600) * SIM_S)

void sim_init(struct sim *sim, uint64_t seed) {
    *sim = (struct sim){.now_ns = START_NS};
    random_init(&sim->random, seed);
}

void sim_fini(struct sim *sim) {
    for (size_t i = 0; i < sim->count; i++) {
        free(sim->heap[i]);
    }
    free(sim->heap);
    sim->heap = NULL;
    sim->count = 0;
}

static bool is_before(const struct sim_event *a, const struct sim_event *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void put(struct sim *sim, size_t place, struct sim_event *event) {
    sim->heap[place] = event;
    event->place = place;
}

static void rise(struct sim *sim, size_t place, struct sim_event *event) {
    while (place > 0 && is_before(event, sim->heap[(place - 1) / 2])) {
        put(sim, place, sim->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(sim, place, event);
}

static void sink(struct sim *sim, size_t place, struct sim_event *event) {
    for (;;) {
        size_t child = 2 * place + 1;

        if (child + 1 < sim->count && is_before(sim->heap[child + 1], sim->heap[child])) {
            child++;
        }
        if (child >= sim->count || !is_before(sim->heap[child], event)) {
            break;
        }
        put(sim, place, sim->heap[child]);
        place = child;
    }
    put(sim, place, event);
}

struct sim_event *sim_after(struct sim *sim, int64_t delay_ns, void (*run)(void *ctx), void *ctx) {
    struct sim_event *event = sim_new(sizeof(*event));

    if (sim->count == sim->capacity) {
        sim->capacity = sim->capacity == 0 ? 64 : 2 * sim->capacity;
        sim->heap = realloc(sim->heap, sim->capacity * sizeof(*sim->heap));
        sim_must(sim->heap != NULL);
    }
    *event = (struct sim_event){
        .at_ns = sim->now_ns + (delay_ns > 0 ? delay_ns : 0), .order = sim->order++, .run = run, .ctx = ctx};
    rise(sim, sim->count++, event);
    return event;
}

static void take_out(struct sim *sim, struct sim_event *event) {
    struct sim_event *last = sim->heap[--sim->count];

    if (last == event) {
        return;
    }
    if (event->place > 0 && is_before(last, sim->heap[(event->place - 1) / 2])) {
        rise(sim, event->place, last);
    } else {
        sink(sim, event->place, last);
    }
}

void sim_cancel(struct sim *sim, struct sim_event *event) {
    if (event != NULL) {
        take_out(sim, event);
        free(event);
    }
}

bool sim_step(struct sim *sim, int64_t until_ns) {
    struct sim_event event;

    if (sim->count == 0 || sim->heap[0]->at_ns > until_ns) {
        return false;
    }
    event = *sim->heap[0];
    sim_cancel(sim, sim->heap[0]);
    sim->now_ns = event.at_ns;
    sim->steps++;
    event.run(event.ctx);
    return true;
}

void sim_run(struct sim *sim, int64_t until_ns) {
    while (sim_step(sim, until_ns)) {
    }
    if (sim->now_ns < until_ns) {
        sim->now_ns = until_ns;
    }
}

bool sim_chance(struct sim *sim, unsigned percent) {
    return random_below(&sim->random, 100) < percent;
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high) {
    return low + (int64_t)random_below(&sim->random, (uint64_t)(high - low) + 1);
}
