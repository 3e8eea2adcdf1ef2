/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_CONFIG_ROWS_H
#define LARDER_CLI_BENCH_ETCD_CONFIG_ROWS_H

#include "cli/bench/etcd/config.h"

enum { ETCD_ROWS_MAX = 64 };

/* Setters for tables of options: of a `struct etcd_endpoints`, which adds up, and of a `const char *` NAME:PASSWORD. */
bool etcd_set_endpoints(void *field, const char *value, const char **ret_reason);
bool etcd_set_user(void *field, const char *value, const char **ret_reason);

/* The options of a kind of load as one table for the parser. */
void etcd_rows_join(enum etcd_kind kind, struct option_row ret_rows[ETCD_ROWS_MAX]);

/* The help of a kind of load, with examples. */
void etcd_rows_print_help(enum etcd_kind kind);

#endif
