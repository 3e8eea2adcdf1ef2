/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_OBSERVE_TRACED_CALL_H
#define LARDER_CLI_OBSERVE_TRACED_CALL_H

#include <larder/trace.h>

#include "base/error.h"
#include "base/slice.h"
#include "net/address.h"

/* What the spans of all calls to servers have in common (opentelemetry.io/docs/specs/semconv). */

/* Begins one, with server.address and server.port. NULL if nothing is traced, which is allowed below too. */
struct larder_span *traced_call_begin(const char *name, const struct address *server);

/* The call has failed for want of an answer: status ERROR and error.type. */
void traced_call_fail(struct larder_span *span, enum larder_error error);

/* The server has answered with an error: status ERROR, and its words, which may be cut. */
void traced_call_refuse(struct larder_span *span, struct slice words);

#endif
