/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trace/tree.h"

#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *left, const void *right) {
    const struct gathered *a = left, *b = right;
    int order = memcmp(a->trace_id, b->trace_id, TRACE_ID_SIZE);

    return order != 0 ? order : memcmp(a->id, b->id, TRACE_SPAN_ID_SIZE);
}

/* The latest first. */
static int compare_starts(const void *left, const void *right) {
    const struct gathered *a = *(const struct gathered *const *)left, *b = *(const struct gathered *const *)right;
    uint64_t start_a = a->span->start_time_unix_nano, start_b = b->span->start_time_unix_nano;

    if (start_a != start_b) {
        return start_a < start_b ? 1 : -1;
    }
    return memcmp(b->id, a->id, TRACE_SPAN_ID_SIZE); /* as good as any, but always the same */
}

static int compare_trees(const void *left, const void *right) {
    const struct trace_tree *a = left, *b = right;

    return a->start_ns != b->start_ns ? (a->start_ns < b->start_ns ? -1 : 1)
                                      : memcmp(a->spans->trace_id, b->spans->trace_id, TRACE_ID_SIZE);
}

static void drop_doubles(struct gather *g) {
    size_t kept = 0;

    for (size_t i = 0; i < g->count; i++) {
        if (kept == 0 || compare_ids(&g->spans[kept - 1], &g->spans[i]) != 0) {
            g->spans[kept++] = g->spans[i];
        }
    }
    g->count = kept;
}

static struct gathered *find_parent(const struct trace_tree *tree, const struct gathered *span) {
    struct gathered wanted = *span;

    memcpy(wanted.id, span->parent_id, TRACE_SPAN_ID_SIZE);
    return bsearch(&wanted, tree->spans, tree->count, sizeof(wanted), compare_ids);
}

/* The row below, in the order of trace_walk. */
static struct gathered *next_row(struct gathered *span, size_t *depth) {
    if (span->child != NULL) {
        ++*depth;
        return span->child;
    }
    while (span != NULL && span->sibling == NULL) {
        span = span->parent;
        --*depth;
    }
    return span == NULL ? NULL : span->sibling;
}

static void mark_placed(void *ctx, struct gathered *span, size_t depth) {
    (void)ctx;
    (void)depth;
    span->placed = true;
}

static void cut_off(struct gathered *span) {
    struct gathered **link = &span->parent->child;

    while (*link != span) {
        link = &(*link)->sibling;
    }
    *link = span->sibling;
    span->parent = span->sibling = NULL;
}

/* Spans that are each other's ancestors hang on no root: the ring is cut open at the one that began first. */
static void open_rings(struct trace_tree *tree, struct gathered *const *latest_first) {
    struct gathered **last = &tree->roots;

    trace_walk(tree, mark_placed, NULL);
    for (size_t i = tree->count; i-- > 0;) {
        struct gathered *span = latest_first[i];

        if (!span->placed) {
            struct trace_tree branch = {.roots = span};

            cut_off(span);
            trace_walk(&branch, mark_placed, NULL);
            while (*last != NULL) {
                last = &(*last)->sibling;
            }
            *last = span;
        }
    }
}

static void link_spans(struct trace_tree *tree, struct gathered **order) {
    for (size_t i = 0; i < tree->count; i++) {
        order[i] = &tree->spans[i];
        order[i]->parent = order[i]->child = order[i]->sibling = NULL;
        order[i]->placed = false;
    }
    qsort(order, tree->count, sizeof(order[0]), compare_starts);
    for (size_t i = 0; i < tree->count; i++) {
        struct gathered *span = order[i], **head;

        span->parent = find_parent(tree, span);
        head = span->parent == NULL ? &tree->roots : &span->parent->child;
        span->sibling = *head;
        *head = span;
    }
    open_rings(tree, order);
}

static void sum_up(struct trace_tree *tree) {
    tree->start_ns = UINT64_MAX;
    for (size_t i = 0; i < tree->count; i++) {
        const struct gathered *span = &tree->spans[i];
        uint64_t start_ns = span->span->start_time_unix_nano, end_ns = gathered_end_ns(span);

        tree->start_ns = start_ns < tree->start_ns ? start_ns : tree->start_ns;
        tree->end_ns = end_ns > tree->end_ns ? end_ns : tree->end_ns;
        tree->came_ns = span->came_ns > tree->came_ns ? span->came_ns : tree->came_ns;
        tree->errors += gathered_failed(span);
    }
}

/* The spans are sorted: those of one trace stand together. */
static size_t cut_into_trees(struct gather *g, struct trace_tree *trees) {
    size_t count = 0;

    for (size_t i = 0; i < g->count; i++) {
        if (count == 0 || memcmp(trees[count - 1].spans->trace_id, g->spans[i].trace_id, TRACE_ID_SIZE) != 0) {
            trees[count++] = (struct trace_tree){.spans = &g->spans[i]};
        }
        trees[count - 1].count++;
    }
    return count;
}

struct trace_tree *trace_trees(struct gather *g, size_t *ret_count) {
    struct trace_tree *trees;
    struct gathered **order;

    *ret_count = g->count;
    if (g->count == 0) {
        return NULL;
    }
    trees = calloc(g->count, sizeof(*trees));
    order = calloc(g->count, sizeof(struct gathered *));
    if (trees == NULL || order == NULL) {
        free(trees);
        free(order);
        return NULL;
    }
    qsort(g->spans, g->count, sizeof(g->spans[0]), compare_ids);
    drop_doubles(g);
    *ret_count = cut_into_trees(g, trees);
    for (size_t i = 0; i < *ret_count; i++) {
        link_spans(&trees[i], order);
        sum_up(&trees[i]);
    }
    free(order);
    qsort(trees, *ret_count, sizeof(*trees), compare_trees);
    return trees;
}

void trace_walk(const struct trace_tree *tree, trace_row_fn *fn, void *ctx) {
    size_t depth = 0;

    for (struct gathered *span = tree->roots; span != NULL; span = next_row(span, &depth)) {
        fn(ctx, span, depth);
    }
}
