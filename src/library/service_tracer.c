/* SPDX-License-Identifier: Apache-2.0 */
#include "library/service_tracer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/slice.h"

#define RESOURCE "OTEL_RESOURCE_ATTRIBUTES"

/* As liblarder reads them: what is empty is not set. */
static struct slice variable(const char *name) {
    const char *value = secure_getenv(name);

    return value == NULL ? SLICE("") : slice_trim(slice_from_string(value));
}

/* OTEL_SDK_DISABLED is heeded by liblarder, which then makes no tracer. */
static bool is_wanted(void) {
    struct slice exporter = variable("OTEL_TRACES_EXPORTER");

    if (slice_equal(exporter, SLICE("none"))) {
        return false;
    }
    return slice_equal(exporter, SLICE("otlp")) || variable("OTEL_EXPORTER_OTLP_ENDPOINT").size > 0 ||
           variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").size > 0;
}

/* The last that is said of an attribute holds, so the environment's own name of the service does. NULL: no memory. */
static char *make_resource(const char *service) {
    struct slice own = variable(RESOURCE);
    char *text;

    return asprintf(&text, RESOURCE "=service.name=%s%s%.*s", service, own.size > 0 ? "," : "", (int)own.size,
                    own.data) < 0
               ? NULL
               : text;
}

enum larder_status service_tracer_new(const char *service, unsigned flush_timeout_ms, larder_log_fn *log, void *log_ctx,
                                      struct larder_tracer **ret_tracer) {
    char *resource = NULL;
    enum larder_status status = LARDER_DONE;

    *ret_tracer = NULL;
    if (is_wanted()) {
        resource = make_resource(service);
        const char *const variables[] = {"OTEL_METRICS_EXPORTER=none", resource, NULL};
        const struct larder_tracer_options options = {
            .size = sizeof(options),
            .variables = variables,
            .flush_timeout_ms = flush_timeout_ms,
            .log = log,
            .log_ctx = log_ctx,
        };

        status = larder_tracer_new(&options, ret_tracer);
        free(resource);
    }
    return status;
}
