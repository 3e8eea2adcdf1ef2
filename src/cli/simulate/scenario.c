/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/scenario.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PERCENT = 100 };

const char *simulate_kind_name(enum simulate_kind kind) {
    static const char *const names[SIMULATE_KINDS] = {
        [SIMULATE_CREATE] = "CREATE",
        [SIMULATE_RETRIEVE] = "RETRIEVE",
        [SIMULATE_DELETE] = "DELETE",
    };

    return names[kind];
}

bool scenario_init(struct scenario *s, uint64_t seed, uint64_t iterations) {
    *s = (struct scenario){.capacity = (size_t)iterations};
    random_init(&s->random, seed);
    s->live = calloc(s->capacity, sizeof(*s->live));
    return s->live != NULL;
}

void scenario_fini(struct scenario *s) {
    free(s->live);
    s->live = NULL;
}

static struct simulate_operation create(struct scenario *s) {
    const struct simulate_device device = {.number = s->created++, .ip = (uint32_t)random_next(&s->random)};

    assert(s->live_count < s->capacity);
    s->live[s->live_count++] = device;
    return (struct simulate_operation){.kind = SIMULATE_CREATE, .device = device};
}

/* Of the live ones; the last one takes the place of the one that goes. */
static struct simulate_operation take(struct scenario *s, enum simulate_kind kind) {
    size_t at = (size_t)random_below(&s->random, s->live_count);
    const struct simulate_device device = s->live[at];

    if (kind == SIMULATE_DELETE) {
        s->live[at] = s->live[--s->live_count];
    }
    return (struct simulate_operation){.kind = kind, .device = device};
}

struct simulate_operation scenario_next(struct scenario *s) {
    uint64_t draw = random_below(&s->random, PERCENT);

    if (draw < SIMULATE_CREATE_PERCENT || s->live_count == 0) {
        return create(s);
    }
    return take(s, draw < SIMULATE_CREATE_PERCENT + SIMULATE_RETRIEVE_PERCENT ? SIMULATE_RETRIEVE : SIMULATE_DELETE);
}

bool scenario_plan(uint64_t seed, uint64_t iterations, struct simulate_plan *ret_plan) {
    struct scenario s;

    if (!scenario_init(&s, seed, iterations)) {
        return false;
    }
    *ret_plan = (struct simulate_plan){.live = 0};
    for (uint64_t i = 0; i < iterations; i++) {
        ret_plan->counts[scenario_next(&s).kind]++;
    }
    ret_plan->live = s.live_count;
    scenario_fini(&s);
    return true;
}

const char *simulate_device_text(uint32_t number, char ret_text[SIMULATE_DEVICE_MAX]) {
    snprintf(ret_text, SIMULATE_DEVICE_MAX, "d%09" PRIu32, number);
    return ret_text;
}

const char *simulate_ip_text(uint32_t ip, char ret_text[SIMULATE_IP_MAX]) {
    snprintf(ret_text, SIMULATE_IP_MAX, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff, ip & 0xff);
    return ret_text;
}
