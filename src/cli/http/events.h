/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_HTTP_EVENTS_H
#define LARDER_CLI_HTTP_EVENTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* A stream of server-sent events (WHATWG HTML, 9.2), read as it arrives. */

enum { EVENTS_DATA_MAX = 256 << 20 /* bytes of an event's data, and of a line */ };

struct events {
    struct buf line;
    struct buf data;
    struct buf name;
    struct buf id; /* the last that was sent; it holds for the events that follow */
    bool has_data;
    bool after_cr;
    bool began; /* the first line was read; it may begin with a byte order mark */
};

struct event {
    struct slice name; /* empty: "message" */
    struct slice id;
    struct slice data;
};

/* The slices are valid during the call. False ends events_feed. */
typedef bool events_fn(void *ctx, const struct event *event);

void events_init(struct events *events);
void events_fini(struct events *events);

/* Errors: LIMIT, NO_MEMORY. What on_event refused is no error; the stream is of no use after either. */
enum larder_error events_feed(struct events *events, struct slice piece, events_fn *on_event, void *ctx);

/* Forgets what is incomplete: the stream begins again. */
void events_reset(struct events *events);

#endif
