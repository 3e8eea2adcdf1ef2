/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_NEAR_SAMPLE_H
#define LARDER_CMD_NEAR_SAMPLE_H

#include "base/arena.h"
#include "cmd/cmd.h"
#include "export/prometheus.h"

/* What is kept in memory of the cluster that is the store (cohere/near.h), for the operator. */

/* Its samples; all of them absent where the store is in no cluster. */
void near_sample(const struct cmd_node *node, struct telemetry_samples *samples);

/* Adds the series whose labels are made here to those there are; all live in `arena`. False: no memory. */
bool near_series(const struct cmd_node *node, struct arena *arena, const struct prometheus_series **io_series,
                 size_t *io_count);

/* The topic "near" of stats. Nothing without a cluster. False: `emit` has failed. */
bool cmd_stats_near(const struct cmd_node *node, cmd_stat_fn *emit, void *ctx);

#endif
