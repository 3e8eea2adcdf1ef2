/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_CLUSTER_SERIES_H
#define LARDER_CMD_CLUSTER_SERIES_H

#include "base/arena.h"
#include "export/prometheus.h"

struct store;

/* The series of the members of an etcd cluster that is the store, and of the requests to it; only of what has happened. Another
 * store has none. They live in `arena`. False: no memory. */
bool cluster_series(struct store *store, struct arena *arena, const struct prometheus_series **ret_series,
                    size_t *ret_count);

enum { CLUSTER_SERIES_BYTES_MAX = 4 << 20 /* that the arena shall allow */ };

#endif
