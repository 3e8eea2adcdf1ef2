/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_PROMETHEUS_H
#define LARDER_EXPORT_PROMETHEUS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "telemetry/snapshot.h"

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* A series of a family whose labels are not known beforehand. */
struct prometheus_series {
    enum metric metric;
    const char *suffix; /* of the name; "" but for the parts of a histogram */
    const char *labels; /* as exported, without braces; see prometheus_label */
    uint64_t value;     /* in the unit of metrics.def; of a bucket or a count: a number */
};

/* Appends `name="value"` to `out`, the value escaped, with a comma in front if `out` is not empty. Errors: LIMIT, NO_MEMORY. */
enum larder_error prometheus_label(struct buf *out, const char *name, struct slice value);

/* What a scrape shows; everything is borrowed for the call. */
struct prometheus_input {
    const struct telemetry_snapshot *snapshot;
    const struct telemetry_samples *samples;
    const struct slice *group_names; /* by group index; any bytes, escaped when written */
    size_t group_count;              /* above every group index in the snapshot */
    const char *version;
    const struct prometheus_series *series; /* those of a family stand together, in the order they shall be written */
    size_t series_count;
};

/* Appends every metric of metrics.def as Prometheus text (exposition format 0.0.4). Requests are written only for the
 * series that have happened, and nothing of what the samples call absent. Errors: LIMIT, NO_MEMORY; `out` then holds an unfinished text, to be thrown away. */
enum larder_error prometheus_write(const struct prometheus_input *input, struct buf *out);

#endif
