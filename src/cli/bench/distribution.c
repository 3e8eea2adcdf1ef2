/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/distribution.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool parse_theta(struct slice text, double *ret_theta) {
    char copy[32];
    char *end;

    if (text.size == 0 || text.size >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_theta = strtod(copy, &end);
    return *end == '\0' && *ret_theta > 0.0 && *ret_theta <= 10.0;
}

bool distribution_parse(struct slice text, struct distribution *ret_distribution, const char **ret_reason) {
    struct distribution distribution = {.kind = DISTRIBUTION_ZIPF, .theta = 0.99};

    if (slice_equal(text, SLICE("uniform"))) {
        distribution.kind = DISTRIBUTION_UNIFORM;
    } else if (slice_equal(text, SLICE("sequential"))) {
        distribution.kind = DISTRIBUTION_SEQUENTIAL;
    } else if (slice_has_prefix(text, SLICE("zipf:"))) {
        if (!parse_theta(slice_skip(text, sizeof("zipf:") - 1), &distribution.theta)) {
            *ret_reason = "the THETA of zipf:THETA is a number above 0, at most 10";
            return false;
        }
    } else if (!slice_equal(text, SLICE("zipf"))) {
        *ret_reason = "not uniform, sequential or zipf:THETA";
        return false;
    }
    *ret_distribution = distribution;
    return true;
}

/* (exp(x) - 1) / x and log(1 + x) / x, also where x is next to 0: there theta is next to 1 and the plain forms lose all
 * their digits. */
static double expm1_over(double x) {
    return fabs(x) > 1e-8 ? expm1(x) / x : 1.0 + x * 0.5 * (1.0 + x / 3.0);
}

static double log1p_over(double x) {
    return fabs(x) > 1e-8 ? log1p(x) / x : 1.0 - x * (0.5 - x / 3.0);
}

/* The density x^-theta, its integral from 1, and the inverse of that integral. */
static double density(double theta, double x) {
    return exp(-theta * log(x));
}

static double integral(double theta, double x) {
    double log_x = log(x);

    return expm1_over((1.0 - theta) * log_x) * log_x;
}

static double integral_inverse(double theta, double y) {
    double t = y * (1.0 - theta);

    if (t < -1.0) {
        t = -1.0; /* only rounding comes here */
    }
    return exp(log1p_over(t) * y);
}

void key_source_init(struct key_source *source, struct distribution distribution, uint64_t keys, uint64_t first) {
    double theta = distribution.theta;

    assert(keys > 0);
    *source = (struct key_source){.distribution = distribution, .keys = keys, .next = first % keys};
    if (distribution.kind == DISTRIBUTION_ZIPF) {
        source->integral_first = integral(theta, 1.5) - 1.0;
        source->integral_last = integral(theta, (double)keys + 0.5);
        source->shortcut = 2.0 - integral_inverse(theta, integral(theta, 2.5) - density(theta, 2.0));
    }
}

static uint64_t draw_zipf(const struct key_source *source, struct random *random) {
    double theta = source->distribution.theta;

    for (;;) {
        double u = source->integral_last + random_unit(random) * (source->integral_first - source->integral_last);
        double x = integral_inverse(theta, u);
        double rank = floor(x + 0.5);

        if (rank < 1.0) {
            rank = 1.0;
        } else if (rank > (double)source->keys) {
            rank = (double)source->keys;
        }
        if (rank - x <= source->shortcut || u >= integral(theta, rank + 0.5) - density(theta, rank)) {
            return (uint64_t)rank - 1;
        }
    }
}

uint64_t key_source_next(struct key_source *source, struct random *random) {
    uint64_t key;

    switch (source->distribution.kind) {
    case DISTRIBUTION_UNIFORM:
        return random_below(random, source->keys);
    case DISTRIBUTION_ZIPF:
        return draw_zipf(source, random);
    case DISTRIBUTION_SEQUENTIAL:
        break;
    }
    key = source->next;
    source->next = key + 1 == source->keys ? 0 : key + 1;
    return key;
}
