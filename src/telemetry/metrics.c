/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry/metrics.h"

const struct metric_info metric_infos[METRIC_COUNT] = {
#define METRIC(id, type, unit, name, labels, help) {METRIC_TYPE_##type, METRIC_UNIT_##unit, name, labels, help},
#include "telemetry/metrics.def"
};

const struct series_info counter_infos[COUNTER_COUNT] = {
#define COUNT(id, metric, labels) {METRIC_##metric, "", labels},
#include "telemetry/metrics.def"
};

const enum metric pool_metrics[POOL_COUNTER_COUNT] = {
#define POOL_COUNT(id, metric) METRIC_##metric,
#include "telemetry/metrics.def"
};

const struct series_info sample_infos[SAMPLE_COUNT] = {
#define SAMPLE_PART(id, metric, suffix, labels) {METRIC_##metric, suffix, labels},
#include "telemetry/metrics.def"
};

const long long latency_bounds_ns[LATENCY_BUCKETS - 1] = {
#define BUCKET(ns, text) ns,
#include "telemetry/buckets.def"
#undef BUCKET
};

const char *const latency_bound_texts[LATENCY_BUCKETS - 1] = {
#define BUCKET(ns, text) text,
#include "telemetry/buckets.def"
#undef BUCKET
};
