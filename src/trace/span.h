/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_SPAN_H
#define LARDER_TRACE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/trace_context.h"

/* One piece of work in a trace, as OpenTelemetry's data model has it. Plain data, one owner, no lock. All texts are copied
 * into the span, which has ceilings for everything: what does not fit is left out and counted. */

/* Numbers as OTLP has them. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3, SPAN_PRODUCER = 4, SPAN_CONSUMER = 5 };
enum span_status { SPAN_UNSET = 0, SPAN_OK = 1, SPAN_ERROR = 2 };

enum {
    SPAN_ATTRIBUTES_MAX = 32,
    SPAN_EVENTS_MAX = 16,
    SPAN_TEXT_MAX = 2048, /* bytes of all names, keys, texts and the tracestate of one span */
};

enum span_value_kind { SPAN_VALUE_TEXT, SPAN_VALUE_INTEGER, SPAN_VALUE_REAL, SPAN_VALUE_TRUTH };

struct span_value {
    enum span_value_kind kind;
    union {
        struct slice text;
        int64_t integer;
        double real;
        bool truth;
    };
};

struct span_attribute {
    struct slice key;
    struct span_value value;
};

struct span_event {
    struct slice name;
    int64_t time_ns; /* since 1970-01-01 UTC */
};

struct span {
    struct span *next; /* among those whose memory waits for use */
    struct tracer *tracer;
    struct trace_context context;
    uint8_t parent_id[TRACE_SPAN_ID_SIZE]; /* all zeros: a root */
    bool parent_is_remote;
    bool records; /* it may be exported: whatever is said of it is kept */
    enum span_kind kind;
    enum span_status status;
    int64_t start_ns; /* since 1970-01-01 UTC; so is end_ns */
    int64_t end_ns;
    int64_t
        clock_offset_ns; /* what makes the monotonic clock a time of day, the same in all of a trace in this process */
    struct slice name;
    struct slice state;   /* tracestate */
    struct slice message; /* of an error */
    uint32_t attribute_count, attributes_dropped;
    uint32_t event_count, events_dropped;
    size_t text_size;
    struct span_attribute attributes[SPAN_ATTRIBUTES_MAX];
    struct span_event events[SPAN_EVENTS_MAX];
    char text[SPAN_TEXT_MAX];
};

/* Sets everything to nothing, and the name; a name that does not fit is cut. Arrays and text stay as they are. */
void span_init(struct span *span, struct slice name, enum span_kind kind);

/* Another name in place of the one it has; one that does not fit is cut. */
void span_rename(struct span *span, struct slice name);

/* Nothing of the following happens if the span does not record. A key that was set before gets the new value. Texts are cut
 * to what is left of SPAN_TEXT_MAX at the end of a character of UTF-8; a key that does not fit leaves the attribute out. */
void span_set(struct span *span, struct slice key, struct span_value value);

void span_add_event(struct span *span, struct slice name, int64_t time_ns);

/* OK stays OK; UNSET changes nothing (OpenTelemetry, Set Status). `message` counts with ERROR alone. */
void span_set_status(struct span *span, enum span_status status, struct slice message);

/* False: it does not fit; there is none then. */
bool span_set_state(struct span *span, struct slice state);

static inline struct span_value span_text(struct slice text) {
    return (struct span_value){.kind = SPAN_VALUE_TEXT, .text = text};
}

static inline struct span_value span_integer(int64_t integer) {
    return (struct span_value){.kind = SPAN_VALUE_INTEGER, .integer = integer};
}

static inline struct span_value span_real(double real) {
    return (struct span_value){.kind = SPAN_VALUE_REAL, .real = real};
}

static inline struct span_value span_truth(bool truth) {
    return (struct span_value){.kind = SPAN_VALUE_TRUTH, .truth = truth};
}

#endif
