/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_SCALE_H
#define LARDER_CLI_BENCH_TABLE_SCALE_H

#include <stdbool.h>

/* A logarithmic axis over whole decades: what a table holds spans four of them. */
struct scale {
    bool empty;
    double least;
    double most;
    int first; /* decades: from 10^first */
    int last;  /* to 10^last; above first */
};

void scale_init(struct scale *scale);

/* Makes room for a number above 0; others are passed over. */
void scale_include(struct scale *scale, double number);

/* Settles the decades, after the last number. An empty one gets one from 1 to 10. */
void scale_finish(struct scale *scale);

/* Where a number stands: 0 at the first decade, 1 at the last. */
double scale_place(const struct scale *scale, double number);

/* 10 to that power as a tick has it: "0.01", "1", "100", "10k", "1M". Returns ret_text. */
enum { SCALE_TEXT_MAX = 48 };
const char *scale_tick(int power, char ret_text[SCALE_TEXT_MAX]);

#endif
