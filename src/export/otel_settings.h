/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_OTEL_SETTINGS_H
#define LARDER_EXPORT_OTEL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "export/otlp.h"
#include "trace/sampler.h"

/* What the environment says of telemetry: opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables and
 * .../protocol/exporter. The variables are listed in docs/OPERATIONS.md. As it is said there, what is empty counts as not
 * set, and what is not understood is passed over with a warning. */

enum {
    OTEL_VALUE_MAX = 8192,  /* bytes of a variable */
    OTEL_FIELDS_MAX = 32,   /* of OTEL_EXPORTER_OTLP_HEADERS */
    OTEL_WARNING_MAX = 256, /* bytes of a warning, its NUL included */
    OTEL_QUEUE_MAX = 65536, /* ceiling of OTEL_BSP_MAX_QUEUE_SIZE: 250 MB of spans at worst */
};

/* Where the spans, or the metrics, go. */
struct otel_signal {
    bool on;
    const char *url;
    const char *fields[OTEL_FIELDS_MAX]; /* "name: value" */
    size_t field_count;
    uint64_t timeout_ms; /* of one attempt */
    const char *ca_file; /* NULL: the system's authorities */
};

struct otel_settings {
    struct arena texts; /* all texts lie here */
    bool disabled;      /* OTEL_SDK_DISABLED: nothing else was read */
    struct otel_signal traces, metrics;
    struct otlp_resource resource;
    struct sampler sampler;
    bool keeps_errors; /* LARDER_TRACES_ERRORS */
    uint64_t schedule_delay_ms, queue_max, batch_max, export_timeout_ms, metric_interval_ms;
};

/* The value of a variable, or NULL. */
typedef const char *otel_lookup_fn(void *ctx, const char *name);

/* One line, valid during the call. */
typedef void otel_warn_fn(void *ctx, const char *warning);

/* Reads all; `service` is who tells if nobody says so, such as "unknown_service:name". Errors: NO_MEMORY; the settings are
 * then nothing that is to be freed. */
enum larder_error otel_settings_init(struct otel_settings *s, otel_lookup_fn *lookup, void *lookup_ctx,
                                     const char *service, otel_warn_fn *warn, void *warn_ctx);

void otel_settings_fini(struct otel_settings *s);

#endif
