/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/observe/tool_trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/subcommand.h"
#include "library/service_tracer.h"

enum { FLUSH_MS = 1000, NAME_MAX_BYTES = 64 };

static struct {
    struct larder_tracer *tracer; /* NULL: it is off */
    struct larder_span *command;
} trace;

/* On the exporter's thread too. That a collector is back, nobody needs to know. */
static void complain(void *ctx, enum larder_log_level level, const char *message) {
    (void)ctx;
    if (level == LARDER_LOG_WARNING) {
        fprintf(stderr, "larder: tracing: %s\n", message);
    }
}

static void turn_on(void) {
    enum larder_status status = service_tracer_new("larder", FLUSH_MS, complain, NULL, &trace.tracer);

    if (status != LARDER_DONE) {
        complain(NULL, LARDER_LOG_WARNING, larder_strerror(status));
    }
}

void tool_trace_begin(const char *command) {
    char name[NAME_MAX_BYTES];

    turn_on();
    snprintf(name, sizeof(name), "larder %s", command);
    trace.command = larder_span_begin_remote(trace.tracer, name, LARDER_SPAN_INTERNAL, secure_getenv("TRACEPARENT"),
                                             secure_getenv("TRACESTATE"));
    larder_span_set_string(trace.command, "larder.command", command);
}

/* That a key is not there, or an argument is wrong, is nothing that has failed. */
static const char *failure(int exit_code) {
    switch (exit_code) {
    case EXIT_CODE_UNREACHABLE:
        return "the server cannot be reached, or did not answer";
    case EXIT_CODE_SERVER:
        return "the server answered with an error";
    default:
        return NULL;
    }
}

void tool_trace_end(int exit_code) {
    const char *message = failure(exit_code);

    larder_span_set_int(trace.command, "process.exit.code", exit_code);
    if (message != NULL) {
        larder_span_set_status(trace.command, LARDER_SPAN_ERROR, message);
    }
    larder_span_end(trace.command);
    larder_tracer_free(trace.tracer);
    trace.command = NULL;
    trace.tracer = NULL;
}

struct larder_span *tool_trace_call(const char *name) {
    return larder_span_begin(trace.tracer, name, LARDER_SPAN_CLIENT, trace.command);
}

bool tool_trace_is_on(void) {
    return trace.tracer != NULL;
}
