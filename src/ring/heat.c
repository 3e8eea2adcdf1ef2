/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/heat.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNIT = 16,                   /* a request, as counts have it: so small counts decay, too */
    LISTED_LEAST = 8,            /* requests */
    CHURN = 8,                   /* a key is listed in place of another if it has one part in so many more */
    DECAY = 60097,               /* of 1 << 16: 2 to the power of -1 / HEAT_STEPS */
    STEPS_MAX = 32 * HEAT_STEPS, /* after so many nothing is left */
};

_Static_assert(HEAT_STEPS == 8, "DECAY is for 8 steps");
_Static_assert(HEAT_TOPS < UINT8_MAX, "places are bytes");
_Static_assert(sizeof(struct heat_set) == 64, "a set is a cache line");

/* --- time --- */

static double step_s(const struct heat *heat) {
    return (double)heat->step_ns / 1e9;
}

/* What a count of one UNIT means in requests a second, if counts stand for so much time. While there is little, few requests
 * would seem many. */
static double per_unit(const struct heat *heat, double window_s) {
    double seconds = window_s < step_s(heat) ? step_s(heat) : window_s;

    return (double)heat->config.sample / seconds;
}

/* The threshold holds until the next step: the time that will have passed then. */
static void set_hot(struct heat *heat) {
    double count = heat->config.hot_per_s / per_unit(heat, heat->window_s + step_s(heat)) * UNIT;

    heat->hot = count >= (double)UINT32_MAX ? UINT32_MAX : count < UNIT ? UNIT : (uint32_t)count;
}

static uint32_t decayed(uint32_t count) {
    return (uint32_t)((uint64_t)count * DECAY >> 16);
}

static void decay(struct heat *heat) {
    for (size_t i = 0; i < HEAT_SETS; i++) {
        for (size_t j = 0; j < HEAT_WAYS; j++) {
            heat->sets[i].counts[j] = decayed(heat->sets[i].counts[j]);
        }
    }
    heat->total = heat->total * DECAY >> 16;
    heat->least = decayed(heat->least);
    if (heat->least < LISTED_LEAST * UNIT) {
        heat->least = LISTED_LEAST * UNIT;
    }
    heat->window_s = (heat->window_s + step_s(heat)) * DECAY / (1 << 16);
}

static void advance(struct heat *heat, int64_t now_ns) {
    int64_t steps;

    if (now_ns - heat->stepped_ns < heat->step_ns) {
        return;
    }
    steps = (now_ns - heat->stepped_ns) / heat->step_ns;
    for (int64_t i = 0; i < steps && i < STEPS_MAX; i++) {
        decay(heat);
    }
    heat->stepped_ns += steps * heat->step_ns;
    set_hot(heat);
}

/* --- made and freed --- */

static void draw_skip(struct heat *heat) {
    uint64_t most = 2 * (uint64_t)heat->config.sample - 1;

    heat->skip = most == 1 ? 1 : (uint32_t)(1 + random_below(&heat->random, most));
}

enum larder_error heat_new(const struct heat_config *config, int64_t now_ns, struct heat **ret_heat) {
    struct heat *heat = aligned_alloc(_Alignof(struct heat), sizeof(*heat));

    assert(config->sample > 0 && config->half_life_ns >= 1000000);
    if (heat == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    memset(heat, 0, sizeof(*heat));
    heat->config = *config;
    heat->least = LISTED_LEAST * UNIT;
    heat->stepped_ns = now_ns;
    heat->step_ns = config->half_life_ns / HEAT_STEPS;
    random_init(&heat->random, config->seed);
    draw_skip(heat);
    set_hot(heat);
    *ret_heat = heat;
    return LARDER_OK;
}

void heat_free(struct heat *heat) {
    if (heat == NULL) {
        return;
    }
    for (uint32_t i = 0; i < heat->top_count; i++) {
        free(heat->tops[i].key);
    }
    free(heat);
}

/* --- the listed keys --- */

static uint32_t *count_of(struct heat *heat, uint32_t counter) {
    return &heat->sets[counter / HEAT_WAYS].counts[counter % HEAT_WAYS];
}

static void unlist(struct heat *heat, uint32_t counter) {
    uint32_t place = heat->places[counter];
    struct heat_top *top;

    if (place == 0) {
        return;
    }
    top = &heat->tops[place - 1];
    free(top->key);
    *top = heat->tops[--heat->top_count];
    heat->places[top->counter] = (uint8_t)place;
    heat->places[counter] = 0; /* after the line above: it may be the last itself */
}

/* The least of the full list goes, if the new one has clearly more. */
static bool make_room(struct heat *heat, uint32_t count) {
    uint32_t least = heat->tops[0].counter;

    if (heat->top_count < HEAT_TOPS) {
        return true;
    }
    for (uint32_t i = 1; i < heat->top_count; i++) {
        if (*count_of(heat, heat->tops[i].counter) < *count_of(heat, least)) {
            least = heat->tops[i].counter;
        }
    }
    if (*count_of(heat, least) > heat->least) {
        heat->least = *count_of(heat, least);
    }
    if (count <= heat->least + heat->least / CHURN) {
        return false;
    }
    unlist(heat, least);
    return true;
}

static void list(struct heat *heat, uint32_t counter, struct slice key) {
    char *copy;

    if (key.size == 0 || key.size > HEAT_KEY_MAX || !make_room(heat, *count_of(heat, counter))) {
        return;
    }
    copy = malloc(key.size);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, key.data, key.size);
    heat->tops[heat->top_count] = (struct heat_top){.counter = counter, .size = (uint32_t)key.size, .key = copy};
    heat->places[counter] = (uint8_t)++heat->top_count;
}

/* --- counting --- */

static uint32_t tag_of(uint64_t hash) {
    return (uint32_t)(hash >> 32) | 1; /* 0: a counter that was never used */
}

static uint32_t set_of(uint64_t hash) {
    return (uint32_t)(hash & (HEAT_SETS - 1));
}

/* Its counter in the set; HEAT_WAYS: none. All are looked at, whichever it is: a wrong guess of a branch costs more. */
static uint32_t find(const struct heat_set *set, uint64_t hash) {
    uint32_t tag = tag_of(hash);
    uint32_t found = 1U << HEAT_WAYS;

    for (uint32_t i = 0; i < HEAT_WAYS; i++) {
        found |= (uint32_t)(set->tags[i] == tag) << i;
    }
    return (uint32_t)__builtin_ctz(found);
}

static uint32_t least_of(const struct heat_set *set) {
    uint32_t least = 0;

    for (uint32_t i = 1; i < HEAT_WAYS; i++) {
        least = set->counts[i] < set->counts[least] ? i : least;
    }
    return least;
}

static bool is_admitted(struct heat *heat, uint32_t count) {
    return count == 0 || random_below(&heat->random, (uint64_t)count + UNIT) < UNIT;
}

/* Gives the least counter of the set to the key, if chance admits it; HEAT_WAYS: it does not. */
static uint32_t admit(struct heat *heat, uint64_t hash) {
    struct heat_set *set = &heat->sets[set_of(hash)];
    uint32_t way = least_of(set);

    if (!is_admitted(heat, set->counts[way])) {
        return HEAT_WAYS;
    }
    unlist(heat, set_of(hash) * HEAT_WAYS + way);
    set->tags[way] = tag_of(hash);
    return way;
}

void heat_count_sampled(struct heat *heat, struct slice key, uint64_t hash, int64_t now_ns) {
    struct heat_set *set = &heat->sets[set_of(hash)];
    uint32_t counter;
    uint32_t way;

    draw_skip(heat);
    advance(heat, now_ns);
    heat->total += UNIT;
    way = find(set, hash);
    if (way == HEAT_WAYS) {
        way = admit(heat, hash);
    }
    if (way == HEAT_WAYS) {
        return;
    }
    counter = set_of(hash) * HEAT_WAYS + way;
    if (set->counts[way] <= UINT32_MAX - UNIT) {
        set->counts[way] += UNIT;
    }
    if (heat->places[counter] == 0 && set->counts[way] >= heat->least) {
        list(heat, counter, key);
    }
}

/* --- what is known --- */

static uint32_t known(const struct heat *heat, uint64_t hash) {
    const struct heat_set *set = &heat->sets[set_of(hash)];
    uint32_t way = find(set, hash);

    return way == HEAT_WAYS ? 0 : set->counts[way];
}

bool heat_is_hot(const struct heat *heat, uint64_t hash) {
    return known(heat, hash) >= heat->hot;
}

static double rate_of(const struct heat *heat, uint64_t count, int64_t now_ns) {
    double since_s = now_ns > heat->stepped_ns ? (double)(now_ns - heat->stepped_ns) / 1e9 : 0;

    return (double)count / UNIT * per_unit(heat, heat->window_s + since_s);
}

double heat_rate(const struct heat *heat, uint64_t hash, int64_t now_ns) {
    return rate_of(heat, known(heat, hash), now_ns);
}

double heat_total(const struct heat *heat, int64_t now_ns) {
    return rate_of(heat, heat->total, now_ns);
}

size_t heat_keys(struct heat *heat, int64_t now_ns, struct heat_key ret_keys[HEAT_TOPS]) {
    advance(heat, now_ns);
    for (uint32_t i = 0; i < heat->top_count; i++) {
        const struct heat_top *top = &heat->tops[i];

        ret_keys[i] =
            (struct heat_key){slice_make(top->key, top->size), rate_of(heat, *count_of(heat, top->counter), now_ns)};
    }
    return heat->top_count;
}
