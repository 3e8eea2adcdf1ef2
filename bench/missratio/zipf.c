/* SPDX-License-Identifier: Apache-2.0 */
#include "zipf.h"

#include "alloc.h"
#include "base/random.h"

#include <math.h>
#include <stdio.h>

#define SEED 1u
#define SCAN_EVERY 10000u
#define SCAN_LENGTH 5000u
#define DRIFT_EVERY 10u
#define PAIR_DISTANCE 2000u

/* Keys of the mixed-in objects begin here, away from those of the Zipf part. */
#define MIXED_KEYS (UINT64_C(1) << 40)

static const char *const mix_names[ZIPF_MIXES] = {
    [ZIPF_PLAIN] = "",      [ZIPF_SCAN] = "scan",   [ZIPF_SCAN_TWICE] = "scan2",
    [ZIPF_DRIFT] = "drift", [ZIPF_PAIRS] = "pairs",
};

const char *zipf_mix_name(enum zipf_mix mix) {
    return mix_names[mix];
}

/* cumulative[k] = probability of a rank of at most k, counted from 0. */
static double *make_cumulative(double alpha, uint32_t objects) {
    double *cumulative = need_zeroed(objects, sizeof(*cumulative));
    double sum = 0;
    for (uint32_t k = 0; k < objects; k++) {
        cumulative[k] = sum += pow(k + 1, -alpha);
    }
    for (uint32_t k = 0; k < objects; k++) {
        cumulative[k] /= sum;
    }
    return cumulative;
}

static uint32_t pick_rank(const double *cumulative, uint32_t objects, double u) {
    uint32_t low = 0, high = objects - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cumulative[middle] > u) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void add_scan(struct load *load, enum zipf_mix mix, uint64_t *next_key) {
    for (uint32_t i = 0; i < SCAN_LENGTH; i++) {
        uint64_t key = (*next_key)++;
        load_add(load, MIXED_KEYS + key, 1, false);
        if (mix == ZIPF_SCAN_TWICE) {
            load_add(load, MIXED_KEYS + key, 1, false);
        }
    }
}

static void add_pair_part(struct load *load, uint32_t i, uint64_t *next_key) {
    uint64_t key = *next_key;
    /* A block of new objects, then the same block again. */
    uint32_t block = i / (PAIR_DISTANCE / 2);
    if (block % 2 == 0) {
        (*next_key)++;
    } else {
        key = *next_key - PAIR_DISTANCE / 2 + i % (PAIR_DISTANCE / 2);
    }
    load_add(load, MIXED_KEYS + key, 1, false);
}

static void add_mixed(struct load *load, enum zipf_mix mix, uint32_t i, uint64_t *next_key) {
    switch (mix) {
    case ZIPF_SCAN:
    case ZIPF_SCAN_TWICE:
        if (i % SCAN_EVERY == SCAN_EVERY - 1) {
            add_scan(load, mix, next_key);
        }
        break;
    case ZIPF_PAIRS:
        add_pair_part(load, i, next_key);
        break;
    default:
        break;
    }
}

void zipf_make(double alpha, enum zipf_mix mix, uint32_t objects, uint32_t requests, struct load *ret_load) {
    char name[64];
    snprintf(name, sizeof(name), "zipf:%.2g%s%s", alpha, mix == ZIPF_PLAIN ? "" : "+", mix_names[mix]);
    load_init(ret_load, name, true);
    double *cumulative = make_cumulative(alpha, objects);
    struct random random;
    uint64_t next_key = 0;
    random_init(&random, SEED);
    for (uint32_t i = 0; i < requests; i++) {
        uint64_t rank = pick_rank(cumulative, objects, random_unit(&random));
        uint64_t key = mix == ZIPF_DRIFT ? rank + i / DRIFT_EVERY : rank;
        load_add(ret_load, key, 1, false);
        add_mixed(ret_load, mix, i, &next_key);
    }
    free(cumulative);
    load_finish(ret_load);
}
