/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_OBSERVE_TOOL_TRACE_H
#define LARDER_CLI_OBSERVE_TOOL_TRACE_H

#include <larder/trace.h>

/* What the tool tells a collector of OpenTelemetry: a span for the command, and below it one for each call to a server
 * (traced_call.h). It obeys the variables that liblarder obeys, but is silent unless they say where to send: a collector
 * that is only guessed at is not worth a connection to a command of a few milliseconds.
 *
 * A process runs one command, so there is one trace, and who makes calls need not be handed it. It belongs to the main
 * thread. While it is off, which it is at first, there is neither a tracer nor a thread. */

/* Turns it on if the environment says so, and begins the span of the command "get". It is a child of the span in the variables
 * TRACEPARENT and TRACESTATE (OpenTelemetry, Environment Variables as Context Propagation Carriers), if they have one. */
void tool_trace_begin(const char *command);

/* Ends the command's span and waits for at most a second until the collector has what there is. What cannot be told, or is
 * not understood in the environment, is a line on standard error. */
void tool_trace_end(int exit_code);

/* Begins a span of kind CLIENT below the command's; the caller ends it before tool_trace_end. NULL while it is off. */
struct larder_span *tool_trace_call(const char *name);

bool tool_trace_is_on(void);

#endif
