/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_POOL_SERIES_H
#define LARDER_CMD_POOL_SERIES_H

#include "base/arena.h"
#include "cmd/cmd.h"
#include "export/prometheus.h"

/* Adds the series of the groups with a pool of groupcache to those there are; all live in `arena`. False: no memory. */
bool pool_series(const struct cmd_context *context, struct arena *arena, const struct prometheus_series **io_series,
                 size_t *io_count);

#endif
