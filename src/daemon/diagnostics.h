/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_DIAGNOSTICS_H
#define LARDER_DAEMON_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What is to be said about a configuration: mistakes, which keep a node from starting, and warnings. Collected, so that
 * one run explains them all. */

enum { DIAGNOSTICS_MAX = 100 /* kept; more are only counted */ };

struct diagnostic {
    char *text; /* "file:line: message", owned; NULL when there was no memory for it */
    bool warning;
};

struct diagnostics {
    struct diagnostic items[DIAGNOSTICS_MAX];
    size_t count;
    size_t mistakes; /* all of them, kept or not */
    size_t lost;     /* mistakes and warnings beyond DIAGNOSTICS_MAX */
};

/* Where something was said: a file and its line, or (line 0) a flag or a variable of the environment. Borrowed. */
struct place {
    const char *name;
    unsigned line;
};

void diagnostics_init(struct diagnostics *d);
void diagnostics_fini(struct diagnostics *d);

/* Adds a mistake or a warning about `place`. Never fails: without memory it is counted, without its text. */
void diagnostics_mistake(struct diagnostics *d, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diagnostics_warning(struct diagnostics *d, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes one line for each, in the order in which they were found; `color` for a terminal. */
void diagnostics_print(const struct diagnostics *d, FILE *file, bool color);

#endif
