/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_TABLE_H
#define LARDER_CLI_BENCH_TABLE_TABLE_H

#include "cli/bench/etcd/run.h"
#include "cli/bench/table/plan.h"

enum { TABLE_SIDES = 2 };

enum table_state {
    TABLE_NOT_RUN,  /* the servers had failed before */
    TABLE_MEASURED, /* every request was answered as it should be: the only state that is a result */
    TABLE_REFUSED,  /* some requests failed, or brought something else */
    TABLE_FAILED,   /* it came to no end; why was printed */
};

/* What a row was on one side. */
struct table_cell {
    enum table_state state;
    struct etcd_result result;             /* unless NOT_RUN or FAILED */
    uint64_t resident[ETCD_ENDPOINTS_MAX]; /* bytes of each server process, at the end of the row */
    size_t resident_count;                 /* 0: not known */
};

/* One set of endpoints. */
struct table_side {
    const struct etcd_endpoints *endpoints;
    const char *name;          /* "A" or "B" */
    struct etcd_target target; /* all of them, whatever a row is aimed at */
    bool failed;               /* its further rows are not run */
};

struct table {
    const struct table_config *config;
    struct table_row rows[TABLE_ROWS_MAX];
    size_t row_count;
    struct table_side sides[TABLE_SIDES];
    size_t side_count;
    struct table_cell cells[TABLE_ROWS_MAX][TABLE_SIDES];
};

/* Finds the servers, and makes a table without results, which `config` outlives. NULL: the trouble was printed to standard
 * error. free() it. */
struct table *table_new(const struct table_config *config);

/* Runs one row on all sides, one after the other. */
void table_run_row(struct table *table, size_t row, const struct progress *progress);

/* Whether every cell is a result. */
bool table_is_complete(const struct table *table);

/* Of a cell that is measured. */
double table_rate(const struct table_cell *cell);    /* requests a second */
double table_mean_ms(const struct table_cell *cell); /* latency */

/* Whether the ratio of both sides can be told in that row. */
bool table_has_ratio(const struct table *table, size_t row);

/* "not run", "failed", ...: why a cell has no figures. */
const char *table_state_text(enum table_state state);

#endif
