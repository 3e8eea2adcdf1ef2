/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_ERROR_H
#define LARDER_BASE_ERROR_H

/* What can go wrong in the world outside; our own mistakes are asserts. Listed once, in errors.def. */
enum larder_error {
    LARDER_OK = 0,
#define ERROR(name, text) LARDER_ERROR_##name,
#include "base/errors.def"
#undef ERROR
};

/* How many there are, LARDER_OK included: one more than the largest. */
enum {
#define ERROR(name, text) +1
    LARDER_ERRORS = 1
#include "base/errors.def"
#undef ERROR
};

/* A short text for people, never NULL, static. */
const char *larder_error_text(enum larder_error error);

#endif
