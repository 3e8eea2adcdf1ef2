/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_REPORT_H
#define LARDER_CLI_BENCH_TABLE_REPORT_H

#include <stdio.h>

#include "cli/bench/table/table.h"

/* For people: which servers there are; then each row once it was run, with a heading where another table begins. */
void table_report_servers(const struct table *table);
void table_report_row(const struct table *table, size_t row);

/* Prints everything as one JSON object. */
void table_report_json(const struct table *table);

/* Writes the picture, SVG: figures as dots on logarithmic axes. */
void table_report_plot(const struct table *table, FILE *to);

#endif
