/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TRACE_INTAKE_H
#define LARDER_CLI_TRACE_INTAKE_H

#include <stdbool.h>

#include "base/buf.h"
#include "cli/trace/gather.h"
#include "proto/http/body.h"

/* One connection of who sends OTLP over HTTP/1.1, without I/O: bytes in, answers out. Traces are gathered; metrics and logs are
 * taken and forgotten. */

enum { INTAKE_BODY_MAX = 64 << 20 /* bytes of one request's body */ };

struct intake {
    struct gather *gather;
    struct buf input;
    struct buf body;
    struct buf output; /* to be sent; the caller consumes it */
    bool in_body;
    bool closes; /* after the output was sent */
    bool is_old; /* HTTP/1.0 */
    bool keep_alive;
    bool is_traces, is_known, is_json;
    struct http_body state;
};

void intake_init(struct intake *in, struct gather *gather);
void intake_fini(struct intake *in);

/* Takes what has come. False: no memory; the connection is to be closed. */
bool intake_feed(struct intake *in, struct slice bytes, int64_t now_ns);

#endif
