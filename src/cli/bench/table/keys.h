/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_KEYS_H
#define LARDER_CLI_BENCH_TABLE_KEYS_H

#include "cli/bench/etcd/target.h"
#include "cli/bench/table/config.h"

/* Whether each of the servers has all the keys that reads draw from. It is asked linearizably, so a member that lags behind
 * has caught up by its answer, and serializable reads find them too. False: what is missing was printed to standard error. */
bool table_keys_are_there(const struct table_config *config, const struct etcd_target *target);

#endif
