/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_HEAT_H
#define LARDER_RING_HEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"

/* Which keys are asked for most, and how often: a sketch of one worker's requests, for the worker's own thread. No I/O; time
 * is passed in.
 *
 * The sketch is HEAT_SETS sets of HEAT_WAYS counters with a tag of the key's hash, a set being one cache line. A request
 * whose key has no counter takes the least one of its set with the probability 1 / (count + 1), and goes on from its count
 * (randomized admission: Ben Basat, Einziger, Friedman and Kassner, "Randomized admission policy for efficient top-k and
 * frequency estimation", INFOCOM 2017). So keys that are asked for once do not push out those that are hot, and a count is
 * right on the average. It was chosen by this: two million requests by Zipf(1.0) over a million keys, without decay; which
 * keys have at least the given share of them? The first two rows are of this code, the mean of three runs; the others of plain
 * trials of the same memory (count-min: 32 KiB of counts, and a list of 256 keys), one run each.
 *
 *                                        share of one in 1,000       5,000             20,000
 *                                        recall  precision    recall  precision   recall  precision
 *   this, every request counted          1.000   1.000        1.000   1.000       0.960   0.995
 *   this, one request in 8 counted       0.966   0.980        0.953   0.937       0.857   0.792
 *   space-saving in sets of 8            1.000   1.000        1.000   0.625       0.687   0.235
 *   HeavyKeeper in sets of 8, base 1.08  1.000   1.000        0.997   1.000       0.884   1.000
 *   count-min, conservative, 4 x 2,048   1.000   0.958        1.000   0.355       1.000   0.001
 *
 * Cost of a count in these trials, without clock, decay and list, on two cores of an Intel Xeon in the cloud that were not idle (so good to a half): randomized
 * admission 17 to 24 ns, space-saving 17 to 36, HeavyKeeper 16 to 23, count-min 39 to 52. This code there: heat_count 43 ns if
 * every request is counted, 8 ns with one in 8; heat_is_hot 22 ns.
 *
 * All counts decay by half in `half_life_ns`, in HEAT_STEPS steps. The keys with the highest counts, HEAT_TOPS at most, are
 * kept in full. One request in `sample` is counted on the average, by random distances, so that no pattern of requests falls
 * in with it. Its memory is sizeof(struct heat), and HEAT_TOPS keys of HEAT_KEY_MAX bytes at most. */

enum {
    HEAT_SETS = 512,
    HEAT_WAYS = 8,
    HEAT_STEPS = 8,
    HEAT_TOPS = 128,
    HEAT_KEY_MAX = 2048, /* bytes; longer keys are counted, but not listed */
    HEAT_SAMPLE = 8,     /* defaults */
    HEAT_HALF_LIFE_MS = 5000,
    HEAT_HOT_PER_S = 100, /* a key that is asked for so often is hot: of one worker's requests, so divide it by them */
    HEAT_LISTED_MAX = 1000, /* keys of a merged list */
};

struct heat_config {
    unsigned sample;      /* one request in so many is counted, at least 1 */
    int64_t half_life_ns; /* at least 1 ms */
    double hot_per_s;     /* requests */
    uint64_t seed;        /* of what is drawn */
};

struct heat_top {
    uint32_t counter;
    uint32_t size;
    char *key;
};

/* All of it is the sketch's own; it is here for heat_count. */
struct heat {
    uint32_t skip;  /* requests up to the one that is counted next */
    uint32_t hot;   /* the count from which on a key is hot */
    uint32_t least; /* the count that a key needs to be listed */
    uint32_t top_count;
    uint64_t total; /* as counts are, of all keys */
    struct heat_config config;
    struct random random;
    int64_t step_ns;
    int64_t stepped_ns; /* the last step */
    double window_s;    /* the time that counts stand for: it decays as they do */
    struct heat_top tops[HEAT_TOPS];
    uint8_t places[HEAT_SETS * HEAT_WAYS]; /* of the counter in `tops`, from 1 on */
    struct heat_set {
        uint32_t tags[HEAT_WAYS];
        uint32_t counts[HEAT_WAYS];
    } sets[HEAT_SETS] __attribute__((aligned(64)));
};

/* Errors: NO_MEMORY. */
enum larder_error heat_new(const struct heat_config *config, int64_t now_ns, struct heat **ret_heat);
void heat_free(struct heat *heat); /* NULL is allowed */

/* For heat_count, or in its place where the hash is not known yet: whether this request is one that is to be counted. Then
 * heat_count_sampled follows. A request that is not costs a decrement. */
static inline bool heat_samples(struct heat *heat) {
    return --heat->skip == 0;
}

void heat_count_sampled(struct heat *heat, struct slice key, uint64_t hash, int64_t now_ns);

/* A request for the key; `hash` is any good one of 64 bits, always the same for a key and not to be guessed from outside. */
static inline void heat_count(struct heat *heat, struct slice key, uint64_t hash, int64_t now_ns) {
    if (heat_samples(heat)) {
        heat_count_sampled(heat, key, hash, now_ns);
    }
}

/* Whether it is asked for at least hot_per_s times, by what was counted so far. A load or two. */
bool heat_is_hot(const struct heat *heat, uint64_t hash);

/* Requests for the key in a second, estimated; 0: too few to know. */
double heat_rate(const struct heat *heat, uint64_t hash, int64_t now_ns);

/* The same of all keys. */
double heat_total(const struct heat *heat, int64_t now_ns);

/* --- lists of the hottest, for people and metrics --- */

struct heat_key {
    struct slice key; /* as long as the list */
    double per_s;
};

/* Those that the sketch lists, in no order; returns how many. The keys are borrowed until the next count. */
size_t heat_keys(struct heat *heat, int64_t now_ns, struct heat_key ret_keys[HEAT_TOPS]);

/* One piece of memory, the caller's: free(). Ordered by falling rates, then by key. It may go to another thread. */
struct heat_list {
    double per_s; /* requests for all keys together, the listed and the others */
    size_t count;
    struct heat_key keys[];
};

/* Those of this sketch, at most HEAT_TOPS. Errors: NO_MEMORY. */
enum larder_error heat_list(struct heat *heat, int64_t now_ns, struct heat_list **ret_list);

/* The `max` (at most HEAT_LISTED_MAX) hottest of several workers' lists together: rates of one key are summed. Where a worker
 * has not got the key in his list, his share of it is not in the sum; of the requests for all keys it is. The lists stay the caller's. Errors: NO_MEMORY. */
enum larder_error heat_merge(struct heat_list *const *lists, size_t count, size_t max, struct heat_list **ret_list);

#endif
