/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_PROGRESS_H
#define LARDER_CLI_BENCH_PROGRESS_H

#include <stdbool.h>

/* A line on standard error that is drawn over and over; nothing at all unless that is a terminal. */
struct progress {
    bool enabled;
    const char *prefix; /* stands before each label; NULL: nothing. Borrowed */
};

void progress_init(struct progress *p, bool quiet);

/* `fraction` from 0 to 1; `rate` in requests per second. */
void progress_show(const struct progress *p, const char *label, double fraction, double rate);

/* The same with another text behind it. */
void progress_show_text(const struct progress *p, const char *label, double fraction, const char *text);

/* Wipes the line. */
void progress_clear(const struct progress *p);

#endif
