/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TRACE_GATHER_H
#define LARDER_CLI_TRACE_GATHER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "model/trace_context.h"
#include "proto/otlp/otlp.pb-c.h"

/* Spans out of OTLP, from files or from whoever sends them. */

enum { GATHER_MAX = 512 << 20 /* bytes of all spans that are kept */ };

struct gathered {
    uint8_t trace_id[TRACE_ID_SIZE];
    uint8_t id[TRACE_SPAN_ID_SIZE];
    uint8_t parent_id[TRACE_SPAN_ID_SIZE]; /* all zeros: none */
    const Otlp__Span *span;
    const char *service; /* "": not said */
    int64_t came_ns;     /* of the monotonic clock */
    bool shown;

    /* tree.h's: */
    struct gathered *parent, *child, *sibling;
    bool placed;
};

struct gather {
    struct arena arena;
    struct gathered *spans;
    size_t count, capacity;
    size_t refused; /* spans without valid ids */
};

void gather_init(struct gather *g);
void gather_fini(struct gather *g);

/* Adds what a message of protobuf has: the body of POST /v1/traces, or a file of TracesData, several of which one behind the
 * other are one too. Errors: INVALID (it is none, `why` says so), NO_MEMORY. */
enum larder_error gather_protobuf(struct gather *g, struct slice bytes, int64_t now_ns, struct buf *why);

/* The same from OTLP's JSON, one object or several one behind the other, as the file exporter of OpenTelemetry's collector
 * writes them. */
enum larder_error gather_json(struct gather *g, struct slice text, int64_t now_ns, struct buf *why);

/* Whichever of both it is. */
enum larder_error gather_any(struct gather *g, struct slice bytes, int64_t now_ns, struct buf *why);

/* Forgets spans that were shown. Memory comes back when none are left. */
void gather_forget_shown(struct gather *g);

#endif
