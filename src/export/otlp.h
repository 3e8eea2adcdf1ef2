/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_OTLP_H
#define LARDER_EXPORT_OTLP_H

#include "base/buf.h"
#include "trace/calls.h"
#include "trace/span.h"

/* Spans and metrics as bodies of OTLP over HTTP (opentelemetry.io/docs/specs/otlp, binary protobuf). The messages and their
 * field numbers are those of opentelemetry-proto 1; proto/otlp/otlp.proto reads them. */

enum { OTLP_RESOURCE_ATTRIBUTES_MAX = 64 };

/* Who tells. The slices are borrowed. */
struct otlp_resource {
    size_t count;
    struct {
        struct slice key;
        struct slice value;
    } attributes[OTLP_RESOURCE_ATTRIBUTES_MAX];
};

/* Appends one span, at most SPAN_ENCODED_MAX bytes of it, for otlp_write_spans. Errors: LIMIT, NO_MEMORY; what is in `out` is
 * then of no use. */
enum larder_error otlp_write_span(const struct span *span, struct buf *out);

/* Appends the body of POST /v1/traces: spans that otlp_write_span has written one behind the other. Errors as above. */
enum larder_error otlp_write_spans(const struct otlp_resource *resource, struct slice spans, struct buf *out);

/* Appends the body of POST /v1/metrics: `latency`, a histogram in seconds, and `calls`, a counter, both since calls->since_ns
 * (cumulative), with the attributes method, status and error. Errors as above. */
enum larder_error otlp_write_calls(const struct otlp_resource *resource, const struct calls *calls, int64_t now_wall_ns,
                                   struct buf *out);

/* The same as Prometheus text: latency_seconds and calls_total. Errors as above. */
enum larder_error calls_write_prometheus(const struct calls *calls, struct buf *out);

#endif
