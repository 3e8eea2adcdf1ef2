/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_OBSERVE_TRACED_HTTP_H
#define LARDER_CLI_OBSERVE_TRACED_HTTP_H

#include "base/slice.h"
#include "cli/observe/traced_call.h"

/* Begins the span of a request; `base` is "http://host:port", in front of the target. NULL if nothing is traced. */
struct larder_span *traced_http_begin(const struct address *server, const char *method, struct slice base,
                                      struct slice target);

/* Ends it. `status` is that of the answer; 0: none came, or none was waited for. NULL is allowed. */
void traced_http_end(struct larder_span *span, enum larder_error error, unsigned status);

#endif
