/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_SERVICE_TRACER_H
#define LARDER_LIBRARY_SERVICE_TRACER_H

#include <larder/trace.h>

/* The tracer of a program of this project: traces alone, and only if the environment says where to send them (OTEL_EXPORTER_OTLP_ENDPOINT,
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) or that they are wanted (OTEL_TRACES_EXPORTER=otlp), since most who run it have no collector.
 * `service` is its name if the environment gives none. *ret_tracer is NULL if it is off; larder_tracer_free gives it back. Errors:
 * NO_MEMORY, SYSTEM (no thread). */
enum larder_status service_tracer_new(const char *service, unsigned flush_timeout_ms, larder_log_fn *log, void *log_ctx,
                                      struct larder_tracer **ret_tracer);

#endif
