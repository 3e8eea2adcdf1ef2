/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_TRACER_H
#define LARDER_LIBRARY_TRACER_H

#include <larder/trace.h>

#include "export/exporter.h"

/* What larder/trace.h calls a tracer. A `larder_span` is a struct span. */
struct larder_tracer {
    struct tracer tracer;
    struct otel_settings settings;
    struct calls *calls;
    struct exporter *exporter; /* NULL: neither spans nor metrics are sent */
    int64_t flush_timeout_ns;
    larder_log_fn *log;
    void *log_ctx;
};

static inline struct span *span_of(struct larder_span *span) {
    return (struct span *)(void *)span;
}

static inline const struct span *span_of_const(const struct larder_span *span) {
    return (const struct span *)(const void *)span;
}

#endif
