/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TELEMETRY_METRICS_H
#define LARDER_TELEMETRY_METRICS_H

/* metrics.def and buckets.def as enumerations and as tables to walk. */

enum metric {
#define METRIC(id, type, unit, name, labels, help) METRIC_##id,
#include "telemetry/metrics.def"
    METRIC_COUNT
};

/* What threads count themselves (telemetry_count). */
enum counter {
#define COUNT(id, metric, labels) COUNTER_##id,
#include "telemetry/metrics.def"
    COUNTER_COUNT
};

/* What threads count for each group with a pool of groupcache (telemetry_pool_count). */
enum pool_counter {
#define POOL_COUNT(id, metric) POOL_##id,
#include "telemetry/metrics.def"
    POOL_COUNTER_COUNT
};

/* What is read off elsewhere when somebody looks (struct telemetry_samples). */
enum sample {
#define SAMPLE_PART(id, metric, suffix, labels) SAMPLE_##id,
#include "telemetry/metrics.def"
    SAMPLE_COUNT
};

enum {
#define BUCKET(ns, text) +1
    /* The last bucket has no bound. */
    LATENCY_BUCKETS = 1
#include "telemetry/buckets.def"
#undef BUCKET
};

enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };
enum metric_unit { METRIC_UNIT_ONE, METRIC_UNIT_BYTES, METRIC_UNIT_SECONDS /* kept in nanoseconds */ };

struct metric_info {
    enum metric_type type;
    enum metric_unit unit;
    const char *name;
    const char *labels; /* label names, separated by commas */
    const char *help;
};

struct series_info {
    enum metric metric;
    const char *suffix; /* of the name; "" but for the parts of a histogram */
    const char *labels; /* as exported, without braces; "" for none */
};

extern const struct metric_info metric_infos[METRIC_COUNT];
extern const struct series_info counter_infos[COUNTER_COUNT];
extern const enum metric pool_metrics[POOL_COUNTER_COUNT];
extern const struct series_info sample_infos[SAMPLE_COUNT];

/* Upper bounds of the latency buckets but the last, in ns and as seconds in text. */
extern const long long latency_bounds_ns[LATENCY_BUCKETS - 1];
extern const char *const latency_bound_texts[LATENCY_BUCKETS - 1];

#endif
