/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_DIALECT_KEYS_H
#define LARDER_CLI_BENCH_DIALECT_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct connection;
struct load;
struct pending;

/* What the dialects share that get and set the keys of a workload. */
size_t dialect_keys_request_max(const struct load *load);
bool dialect_keys_take(struct connection *connection, struct pending *pending);
char *dialect_keys_encode(struct connection *connection, char *at, struct pending *pending);

#endif
