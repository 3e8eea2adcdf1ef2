/* SPDX-License-Identifier: Apache-2.0 */
/* Labels are our own static texts, so nothing is to be escaped. Names: OpenTelemetry's rules for Prometheus add the unit, and
 * _total to what is counted. */
#include <inttypes.h>

#include "base/clock.h"
#include "export/otlp.h"
#include "export/writer.h"

static void write_labels(struct writer *w, const char *name, const char *method, const struct calls_outcome *outcome) {
    WRITE(w, "%s{method=\"%s\",status=\"%s\",error=\"%s\"", name, method, outcome->status, outcome->error);
}

static void write_latency(void *ctx, const char *method, const struct calls_outcome *outcome,
                          const struct calls_figures *figures) {
    struct writer *w = ctx;
    uint64_t count = 0;

    for (size_t i = 0; i < CALLS_BUCKETS; i++) {
        count += figures->buckets[i];
        write_labels(w, "latency_seconds_bucket", method, outcome);
        WRITE(w, ",le=\"%s\"} %" PRIu64 "\n", i < CALLS_BUCKETS - 1 ? calls_bound_texts[i] : "+Inf", count);
    }
    write_labels(w, "latency_seconds_sum", method, outcome);
    WRITE(w, "} %" PRIu64 ".%09" PRIu64 "\n", figures->sum_ns / (uint64_t)CLOCK_NS_PER_S,
          figures->sum_ns % (uint64_t)CLOCK_NS_PER_S);
    write_labels(w, "latency_seconds_count", method, outcome);
    WRITE(w, "} %" PRIu64 "\n", count);
}

static void write_count(void *ctx, const char *method, const struct calls_outcome *outcome,
                        const struct calls_figures *figures) {
    struct writer *w = ctx;

    write_labels(w, "calls_total", method, outcome);
    WRITE(w, "} %" PRIu64 "\n", figures->count);
}

enum larder_error calls_write_prometheus(const struct calls *calls, struct buf *out) {
    struct writer w = {.out = out, .error = LARDER_OK};

    WRITE(&w, "# HELP latency_seconds How long calls took.\n# TYPE latency_seconds histogram\n");
    calls_each(calls, write_latency, &w);
    WRITE(&w, "# HELP calls_total Calls that have ended.\n# TYPE calls_total counter\n");
    calls_each(calls, write_count, &w);
    return w.error;
}
