/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cluster_series.h"
#include "cmd/cmd.h"
#include "cmd/near_sample.h"
#include "cmd/pool_series.h"
#include "export/prometheus.h"

static enum larder_error write(struct cmd_context *context, const struct telemetry_snapshot *snapshot,
                               struct arena *arena, struct buf *out) {
    struct telemetry_samples samples;
    struct slice names[GROUP_MAX];
    struct prometheus_input input = {.snapshot = snapshot, .samples = &samples, .version = LARDER_VERSION};

    cmd_sample(context, snapshot, &samples);
    input.group_names = names;
    input.group_count = group_set_names(context->groups, names);
    return cluster_series(context->node->cluster, arena, &input.series, &input.series_count) &&
                   near_series(context->node, arena, &input.series, &input.series_count) &&
                   pool_series(context, arena, &input.series, &input.series_count)
               ? prometheus_write(&input, out)
               : LARDER_ERROR_NO_MEMORY;
}

enum larder_error cmd_metrics(struct cmd_context *context, struct buf *out) {
    struct telemetry_snapshot snapshot;
    struct arena arena;
    enum larder_error error = telemetry_snapshot(context->node->telemetry, &snapshot);

    if (error != LARDER_OK) {
        return error;
    }
    arena_init(&arena, CLUSTER_SERIES_BYTES_MAX);
    error = write(context, &snapshot, &arena, out);
    arena_fini(&arena);
    telemetry_snapshot_fini(&snapshot);
    return error;
}
