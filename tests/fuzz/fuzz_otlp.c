/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file of OTLP, and as what a connection of the tool's collector is sent: what is gathered becomes trees in which each
 * span stands once, and is drawn. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "cli/trace/draw.h"
#include "cli/trace/intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *ctx, struct gathered *span, size_t depth) {
    size_t *seen = ctx;

    (void)depth;
    assert(span->span != NULL);
    ++*seen;
}

static void check_trees(struct gather *g) {
    struct drawing drawing = {
        .to = fopen("/dev/null", "w"), .terminal = terminal_detect(), .width = DRAW_WIDTH, .attributes = true};
    size_t trees_count;
    struct trace_tree *trees = trace_trees(g, &trees_count);

    assert(drawing.to != NULL && (trees != NULL || trees_count == 0));
    for (size_t i = 0; i < trees_count; i++) {
        size_t seen = 0;

        trace_walk(&trees[i], count, &seen);
        assert(seen == trees[i].count);
        draw_trace(&drawing, &trees[i]);
    }
    free(trees);
    gather_forget_shown(g);
    assert(g->count == 0);
    fclose(drawing.to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice bytes = slice_make((const char *)data, size);
    struct intake intake;
    struct gather g;
    struct buf why;

    gather_init(&g);
    buf_init(&why, 1024);
    (void)gather_any(&g, bytes, 0, &why);
    check_trees(&g);
    buf_fini(&why);
    intake_init(&intake, &g);
    for (size_t at = 0; at < size; at += 100) {
        if (!intake_feed(&intake, slice_make(bytes.data + at, size - at < 100 ? size - at : 100), 0)) {
            break;
        }
    }
    intake_fini(&intake);
    check_trees(&g);
    gather_fini(&g);
    return 0;
}
