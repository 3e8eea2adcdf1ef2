/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_OPTIONS_H
#define LARDER_BENCH_MISSRATIO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* A number that the user may set behind a policy's name, with its limits. */
struct option {
    const char *name;
    double *value; /* holds the default before the call */
    double least, most;
};

/*
 * Reads "name=number,name=number" (NULL and "" are fine) into the values. Returns false and complains on stderr at an
 * unknown name, something that is not a number, or a number outside the limits.
 */
bool options_read(const char *text, const struct option *options, size_t count);

#endif
