/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_trace.h"

#include "base/log.h"
#include "library/service_tracer.h"
#include "library/tracer.h"

enum { FLUSH_MS = 1000 };

/* On the exporter's thread too. */
static void tell(void *ctx, enum larder_log_level level, const char *message) {
    (void)ctx;
    if (level == LARDER_LOG_WARNING) {
        log_warn("tracing", log_string("reason", message));
    } else {
        log_info("tracing", log_string("reason", message));
    }
}

bool node_trace_start(struct node *node) {
    enum larder_status status = service_tracer_new("larderd", FLUSH_MS, tell, NULL, &node->tracer);

    if (status != LARDER_DONE) {
        log_error("cannot start the tracer", log_string("reason", larder_strerror(status)));
        return false;
    }
    if (node->tracer != NULL) {
        node->shared.exporter = node->tracer->exporter;
        log_info("tracing requests", log_string("collector", node->tracer->settings.traces.url));
    }
    return true;
}

void node_trace_end(struct node *node) {
    larder_tracer_free(node->tracer);
    node->tracer = NULL;
}
