/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trace/draw.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/trace/text.h"

enum {
    INDENT = 2, /* columns of a level */
    LEVELS_MAX = 24,
    NAME_COLUMNS_MAX = 48,
    TIME_COLUMNS = 8,
    BAR_MIN = 10,
    BESIDE = TIME_COLUMNS + 6, /* between name, bar, time and events */
    VALUE_MAX = 120,
};

struct page {
    const struct drawing *drawing;
    const struct trace_tree *tree;
    const char *service; /* of the root: not repeated */
    size_t name_columns, bar_columns;
};

const char *draw_time(uint64_t ns, char ret_text[DRAW_TIME_MAX]) {
    static const char *const units[] = {"us", "ms", "s"};
    double amount = (double)ns / 1000;
    size_t unit = 0;

    if (ns < 1000) {
        snprintf(ret_text, DRAW_TIME_MAX, "%" PRIu64 " ns", ns);
        return ret_text;
    }
    while (amount >= 999.5 && unit < 2) {
        amount /= 1000;
        unit++;
    }
    snprintf(ret_text, DRAW_TIME_MAX, "%.*f %s", amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0, amount, units[unit]);
    return ret_text;
}

const char *draw_value(const Otlp__AnyValue *value, char *ret_text, size_t size) {
    switch (value == NULL ? OTLP__ANY_VALUE__VALUE__NOT_SET : value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        snprintf(ret_text, size, "%s", value->string_value);
        break;
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        snprintf(ret_text, size, "%s", value->bool_value ? "true" : "false");
        break;
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        snprintf(ret_text, size, "%" PRId64, value->int_value);
        break;
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        snprintf(ret_text, size, "%g", value->double_value);
        break;
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
        snprintf(ret_text, size, "[%zu values]", value->array_value->n_values);
        break;
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        snprintf(ret_text, size, "{%zu values}", value->kvlist_value->n_values);
        break;
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        snprintf(ret_text, size, "(%zu bytes)", value->bytes_value.len);
        break;
    default:
        snprintf(ret_text, size, "-");
    }
    return ret_text;
}

/* --- the tree at the left --- */

static size_t levels(size_t depth) {
    return depth < LEVELS_MAX ? depth : LEVELS_MAX;
}

static void draw_branch(const struct page *page, const struct gathered *span, size_t depth) {
    const struct gathered *ancestors[LEVELS_MAX];
    bool utf8 = page->drawing->terminal.utf8;
    size_t count = levels(depth);

    for (size_t i = count; i-- > 0; span = span->parent) {
        ancestors[i] = span;
    }
    fputs(page->drawing->terminal.dim, page->drawing->to);
    for (size_t i = 0; i < count; i++) {
        bool more = ancestors[i]->sibling != NULL, own = i + 1 == count;

        fputs(own    ? (more ? (utf8 ? "├─" : "|-") : (utf8 ? "└─" : "`-"))
              : more ? (utf8 ? "│ " : "| ")
                     : "  ",
              page->drawing->to);
    }
    fputs(page->drawing->terminal.plain, page->drawing->to);
}

static const char *name_of(const struct page *page, const struct gathered *span, size_t columns,
                           char shown[TEXT_SHOWN_MAX]) {
    char whole[TEXT_SHOWN_MAX];
    bool other = strcmp(span->service, page->service) != 0 && span->service[0] != '\0';

    snprintf(whole, sizeof(whole), "%s%s%s%s", span->span->name, other ? " [" : "", other ? span->service : "",
             other ? "]" : "");
    return text_shown(whole, columns, shown);
}

static void draw_name(const struct page *page, const struct gathered *span, size_t depth) {
    const struct terminal *t = &page->drawing->terminal;
    size_t indent = INDENT * levels(depth);
    size_t room = page->name_columns > indent + 1 ? page->name_columns - indent : 1;
    char shown[TEXT_SHOWN_MAX];

    draw_branch(page, span, depth);
    name_of(page, span, room, shown);
    fprintf(page->drawing->to, "%s%s%s", gathered_failed(span) ? t->red : t->bold, shown, t->plain);
    for (size_t i = text_columns(shown); i < room; i++) {
        fputc(' ', page->drawing->to);
    }
}

/* --- the bar --- */

/* Where a time lies in the bar's columns. */
static size_t column_of(const struct page *page, uint64_t ns) {
    uint64_t whole = page->tree->end_ns - page->tree->start_ns, part = ns - page->tree->start_ns;

    return whole == 0 ? 0 : (size_t)((double)part / (double)whole * (double)page->bar_columns);
}

static void draw_bar(const struct page *page, const struct gathered *span) {
    const struct terminal *t = &page->drawing->terminal;
    size_t from = column_of(page, span->span->start_time_unix_nano), to = column_of(page, gathered_end_ns(span));

    from = from < page->bar_columns ? from : page->bar_columns - 1;
    to = to > from ? to : from + 1; /* what is too short to be seen is seen */
    fprintf(page->drawing->to, "  %s", t->dim);
    for (size_t i = 0; i < page->bar_columns; i++) {
        if (i == from) {
            fprintf(page->drawing->to, "%s%s", t->plain, gathered_failed(span) ? t->red : t->green);
        }
        if (i == to) {
            fprintf(page->drawing->to, "%s%s", t->plain, t->dim);
        }
        fputs(i >= from && i < to ? (t->utf8 ? "█" : "#") : (t->utf8 ? "·" : "."), page->drawing->to);
    }
    fputs(t->plain, page->drawing->to);
}

/* --- what stands at the right and below --- */

static void draw_events(const struct page *page, const struct gathered *span) {
    const struct terminal *t = &page->drawing->terminal;
    char shown[TEXT_SHOWN_MAX];

    for (size_t i = 0; i < span->span->n_events; i++) {
        fprintf(page->drawing->to, "  %s%s%s%s", t->yellow, t->utf8 ? "◆ " : "* ",
                text_shown(span->span->events[i]->name, VALUE_MAX, shown), t->plain);
    }
    if (gathered_failed(span)) {
        const char *message = span->span->status->message;

        fprintf(page->drawing->to, "  %s! %s%s", t->red,
                text_shown(message[0] != '\0' ? message : "failed", VALUE_MAX, shown), t->plain);
    }
}

static void draw_attributes(const struct page *page, const struct gathered *span, size_t depth) {
    const struct terminal *t = &page->drawing->terminal;

    for (size_t i = 0; i < span->span->n_attributes; i++) {
        const Otlp__KeyValue *pair = span->span->attributes[i];
        char text[VALUE_MAX], key[TEXT_SHOWN_MAX], value[TEXT_SHOWN_MAX];

        fprintf(page->drawing->to, "%*s%s%s = %s%s\n", (int)(INDENT * (levels(depth) + 2)), "", t->dim,
                text_shown(pair->key, VALUE_MAX, key),
                text_shown(draw_value(pair->value, text, sizeof(text)), VALUE_MAX, value), t->plain);
    }
}

static void draw_row(void *ctx, struct gathered *span, size_t depth) {
    const struct page *page = ctx;
    uint64_t ns = gathered_end_ns(span) - span->span->start_time_unix_nano;
    char time[DRAW_TIME_MAX];

    draw_name(page, span, depth);
    draw_bar(page, span);
    fprintf(page->drawing->to, "  %*s", TIME_COLUMNS, draw_time(ns, time));
    draw_events(page, span);
    fputc('\n', page->drawing->to);
    if (page->drawing->attributes) {
        draw_attributes(page, span, depth);
    }
    span->shown = true;
}

static void measure_row(void *ctx, struct gathered *span, size_t depth) {
    struct page *page = ctx;
    char shown[TEXT_SHOWN_MAX];
    size_t columns = INDENT * levels(depth) + text_columns(name_of(page, span, NAME_COLUMNS_MAX, shown));

    page->name_columns = columns > page->name_columns ? columns : page->name_columns;
}

static void draw_head(const struct page *page) {
    const struct terminal *t = &page->drawing->terminal;
    const struct trace_tree *tree = page->tree;
    time_t seconds = (time_t)(tree->start_ns / (uint64_t)CLOCK_NS_PER_S);
    char count[HUMAN_TEXT_MAX], time[DRAW_TIME_MAX], when[32] = "", shown[TEXT_SHOWN_MAX];
    struct tm local;

    if (localtime_r(&seconds, &local) != NULL) {
        strftime(when, sizeof(when), "%F %T", &local);
    }
    fprintf(page->drawing->to, "%strace ", t->bold);
    for (size_t i = 0; i < TRACE_ID_SIZE; i++) {
        fprintf(page->drawing->to, "%02x", tree->spans->trace_id[i]);
    }
    fprintf(page->drawing->to, "%s  %s  %s span%s  %s  %s", t->plain,
            page->service[0] != '\0' ? text_shown(page->service, VALUE_MAX, shown) : "-",
            human_count(tree->count, count), tree->count == 1 ? "" : "s",
            draw_time(tree->end_ns - tree->start_ns, time), when);
    if (tree->errors > 0) {
        fprintf(page->drawing->to, "  %s%s failed%s", t->red, human_count(tree->errors, count), t->plain);
    }
    fputc('\n', page->drawing->to);
}

void draw_trace(const struct drawing *drawing, const struct trace_tree *tree) {
    struct page page = {.drawing = drawing, .tree = tree, .service = tree->roots->service};
    size_t most = drawing->width / 2;

    trace_walk(tree, measure_row, &page);
    page.name_columns = page.name_columns < most ? page.name_columns : most;
    page.bar_columns =
        drawing->width > page.name_columns + BESIDE + BAR_MIN ? drawing->width - page.name_columns - BESIDE : BAR_MIN;
    /* Events stand behind the bar, so that one screen's width is not all for it. */
    page.bar_columns = page.bar_columns * 2 / 3 > BAR_MIN ? page.bar_columns * 2 / 3 : BAR_MIN;
    draw_head(&page);
    trace_walk(tree, draw_row, &page);
}
