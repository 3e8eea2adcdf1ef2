/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TRACE_DRAW_H
#define LARDER_CLI_TRACE_DRAW_H

#include <stdio.h>

#include "cli/terminal.h"
#include "cli/trace/tree.h"

enum { DRAW_WIDTH = 100, DRAW_WIDTH_MIN = 40, DRAW_WIDTH_MAX = 1000 };

struct drawing {
    FILE *to;
    struct terminal terminal;
    size_t width;    /* columns */
    bool attributes; /* of each span, below it */
};

/* The trace as a waterfall: a line for each span with its name, indented below its parent, when it was at work, how long it
 * took, its events, and, if it failed, why. */
void draw_trace(const struct drawing *drawing, const struct trace_tree *tree);

/* A time as people read it: "812 ns", "61.2 us", "1.23 s". Returns ret_text. */
enum { DRAW_TIME_MAX = 32 };
const char *draw_time(uint64_t ns, char ret_text[DRAW_TIME_MAX]);

/* The value as text, cut to `size` bytes with its NUL. Returns ret_text. */
const char *draw_value(const Otlp__AnyValue *value, char *ret_text, size_t size);

#endif
