/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "export/otlp_resource.h"

enum {
    REQUEST_RESOURCE_METRICS = 1, /* ExportMetricsServiceRequest */
    RESOURCE_SCOPE_METRICS = 2,   /* ResourceMetrics */
    SCOPE_METRICS = 2,            /* ScopeMetrics */
    METRIC_NAME = 1,              /* Metric */
    METRIC_DESCRIPTION = 2,
    METRIC_UNIT = 3,
    METRIC_SUM = 7,
    METRIC_HISTOGRAM = 9,
    DATA_POINTS = 1, /* Sum, Histogram */
    DATA_TEMPORALITY = 2,
    SUM_IS_MONOTONIC = 3,
    POINT_START = 2, /* NumberDataPoint, HistogramDataPoint */
    POINT_TIME = 3,
    NUMBER_AS_INT = 6, /* NumberDataPoint */
    NUMBER_ATTRIBUTES = 7,
    HISTOGRAM_COUNT = 4, /* HistogramDataPoint */
    HISTOGRAM_SUM = 5,
    HISTOGRAM_BUCKETS = 6,
    HISTOGRAM_BOUNDS = 7,
    HISTOGRAM_ATTRIBUTES = 9,
    TEMPORALITY_CUMULATIVE = 2,
};

struct points {
    struct protobuf *p;
    int64_t since_ns, now_ns;
};

static void put_labels(struct protobuf *p, unsigned field, const char *method, const struct calls_outcome *outcome) {
    otlp_put_text_attribute(p, field, SLICE("method"), slice_from_string(method));
    otlp_put_text_attribute(p, field, SLICE("status"), slice_from_string(outcome->status));
    otlp_put_text_attribute(p, field, SLICE("error"), slice_from_string(outcome->error));
}

static size_t begin_point(struct points *points) {
    size_t point = protobuf_begin(points->p, DATA_POINTS);

    protobuf_fixed64(points->p, POINT_START, (uint64_t)points->since_ns);
    protobuf_fixed64(points->p, POINT_TIME, (uint64_t)points->now_ns);
    return point;
}

static void put_count(void *ctx, const char *method, const struct calls_outcome *outcome,
                      const struct calls_figures *figures) {
    struct points *points = ctx;
    size_t point = begin_point(points);

    protobuf_put_fixed64(points->p, NUMBER_AS_INT, figures->count);
    put_labels(points->p, NUMBER_ATTRIBUTES, method, outcome);
    protobuf_end(points->p, point);
}

static double seconds(uint64_t ns) {
    return (double)ns / (double)CLOCK_NS_PER_S;
}

static void put_latency(void *ctx, const char *method, const struct calls_outcome *outcome,
                        const struct calls_figures *figures) {
    struct points *points = ctx;
    size_t point = begin_point(points);
    uint64_t bounds[CALLS_BUCKETS - 1];

    for (size_t i = 0; i < CALLS_BUCKETS - 1; i++) {
        bounds[i] = protobuf_double_bits(seconds(calls_bounds_ns[i]));
    }
    protobuf_put_fixed64(points->p, HISTOGRAM_COUNT, figures->count);
    protobuf_double(points->p, HISTOGRAM_SUM, seconds(figures->sum_ns));
    protobuf_packed64(points->p, HISTOGRAM_BUCKETS, figures->buckets, CALLS_BUCKETS);
    protobuf_packed64(points->p, HISTOGRAM_BOUNDS, bounds, CALLS_BUCKETS - 1);
    put_labels(points->p, HISTOGRAM_ATTRIBUTES, method, outcome);
    protobuf_end(points->p, point);
}

static void put_metrics(struct points *points, const struct calls *calls) {
    struct protobuf *p = points->p;
    size_t metric = protobuf_begin(p, SCOPE_METRICS), data;

    protobuf_text(p, METRIC_NAME, SLICE("latency"));
    protobuf_text(p, METRIC_DESCRIPTION, SLICE("How long calls took."));
    protobuf_text(p, METRIC_UNIT, SLICE("s"));
    data = protobuf_begin(p, METRIC_HISTOGRAM);
    calls_each(calls, put_latency, points);
    protobuf_varint(p, DATA_TEMPORALITY, TEMPORALITY_CUMULATIVE);
    protobuf_end(p, data);
    protobuf_end(p, metric);

    metric = protobuf_begin(p, SCOPE_METRICS);
    protobuf_text(p, METRIC_NAME, SLICE("calls"));
    protobuf_text(p, METRIC_DESCRIPTION, SLICE("Calls that have ended."));
    protobuf_text(p, METRIC_UNIT, SLICE("{call}"));
    data = protobuf_begin(p, METRIC_SUM);
    calls_each(calls, put_count, points);
    protobuf_varint(p, DATA_TEMPORALITY, TEMPORALITY_CUMULATIVE);
    protobuf_varint(p, SUM_IS_MONOTONIC, true);
    protobuf_end(p, data);
    protobuf_end(p, metric);
}

enum larder_error otlp_write_calls(const struct otlp_resource *resource, const struct calls *calls, int64_t now_wall_ns,
                                   struct buf *out) {
    struct protobuf p = protobuf_into(out);
    struct points points = {.p = &p, .since_ns = calls->since_ns, .now_ns = now_wall_ns};
    size_t of_resource = protobuf_begin(&p, REQUEST_RESOURCE_METRICS), of_scope;

    otlp_put_resource(&p, resource);
    of_scope = protobuf_begin(&p, RESOURCE_SCOPE_METRICS);
    otlp_put_scope(&p);
    put_metrics(&points, calls);
    protobuf_end(&p, of_scope);
    protobuf_end(&p, of_resource);
    return p.error;
}
