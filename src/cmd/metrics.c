/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "export/prometheus.h"

enum larder_error cmd_metrics(struct cmd_context *context, struct buf *out) {
    struct telemetry_snapshot snapshot;
    struct telemetry_samples samples;
    struct slice names[GROUP_MAX];
    enum larder_error error = telemetry_snapshot(context->node->telemetry, &snapshot);

    if (error != LARDER_OK) {
        return error;
    }
    cmd_sample(context, &snapshot, &samples);
    error = prometheus_write(
        &(struct prometheus_input){
            .snapshot = &snapshot,
            .samples = &samples,
            .group_names = names,
            .group_count = group_set_names(context->groups, names),
            .version = LARDER_VERSION,
        },
        out);
    telemetry_snapshot_fini(&snapshot);
    return error;
}
