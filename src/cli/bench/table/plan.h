/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_PLAN_H
#define LARDER_CLI_BENCH_TABLE_PLAN_H

#include <stddef.h>

#include "cli/bench/table/config.h"

/* The rows of the table, as etcd's documentation ("Performance") has them. */
struct table_row {
    enum etcd_kind kind; /* ETCD_PUT or ETCD_RANGE */
    uint64_t total;      /* keys to put, each once, or requests to read */
    uint64_t conns;      /* connections */
    uint64_t clients;    /* requests in flight */
    bool leader_only;    /* of writes */
    bool serializable;   /* of reads */
};

enum { TABLE_ROWS_MAX = 7 };

/* The rows that are wanted, scaled; returns how many. */
size_t table_plan(const struct table_config *config, struct table_row ret_rows[TABLE_ROWS_MAX]);

/* How many keys the writes leave, from number 0 on: what reads draw from. */
uint64_t table_plan_keys(const struct table_config *config);

/* Of a key with its prefix, in bytes. */
uint64_t table_plan_key_size(const struct table_config *config);

/* The load that a row is. It borrows the configuration's texts. */
void table_plan_load(const struct table_config *config, const struct table_row *row, struct etcd_config *ret_load);

/* "1 client, leader only" or "1,000 clients, serializable": a row in words. Returns ret_text. */
enum { TABLE_ROW_TEXT_MAX = 96 };
const char *table_plan_describe(const struct table_row *row, char ret_text[TABLE_ROW_TEXT_MAX]);

/* "leader only", "all members", "linearizable" or "serializable". */
const char *table_plan_aim(const struct table_row *row);

#endif
