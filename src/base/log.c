/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 2048 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"text", "json"};
static enum log_level least_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;

static _Thread_local log_divert_fn *divert;
static _Thread_local void *divert_ctx;

struct line {
    char text[LINE_MAX_BYTES];
    size_t size;
    bool cut; /* something did not fit */
};

static void line_add(struct line *line, const char *text) {
    /* Two bytes stay free, for the brace and the newline. */
    size_t room = sizeof(line->text) - 2 - line->size;
    size_t size = strlen(text);

    if (size > room) {
        size = room;
        line->cut = true;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static bool is_json(void) {
    return line_format == LOG_FORMAT_JSON && divert == NULL;
}

/* slice_escape leaves nothing that JSON would mind but the backslash of its \xHH, which must be doubled there. */
static void line_add_string(struct line *line, struct slice s) {
    char escaped[SLICE_ESCAPED_MAX];
    char piece[3] = {0};

    slice_escape(s, escaped);
    for (const char *c = escaped; *c != '\0'; c++) {
        piece[0] = *c;
        piece[1] = *c == '\\' && is_json() ? '\\' : '\0';
        line_add(line, piece);
    }
}

/* Messages and paths read better with their spaces; only what would break the line is escaped by its caller's choice of
 * log_key. Everything else is ours or a path, so quotes are enough. */
static void line_add_quoted(struct line *line, struct slice s) {
    line_add(line, "\"");
    for (size_t at = 0; at < s.size;) {
        size_t space = at;

        while (space < s.size && s.data[space] != ' ') {
            space++;
        }
        line_add_string(line, slice_make(s.data + at, space - at));
        if (space < s.size) {
            line_add(line, " ");
            space++;
        }
        at = space;
    }
    line_add(line, "\"");
}

static void line_add_time(struct line *line) {
    char text[64];
    int64_t now = clock_wall_ns();
    time_t seconds = (time_t)(now / CLOCK_NS_PER_S);
    struct tm utc;
    size_t size;

    gmtime_r(&seconds, &utc);
    size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + size, sizeof(text) - size, ".%03dZ", (int)(now % CLOCK_NS_PER_S / CLOCK_NS_PER_MS));
    line_add(line, text);
}

static void line_add_field(struct line *line, const struct log_field *field) {
    char number[32];

    line_add(line, is_json() ? ",\"" : " ");
    line_add(line, field->name);
    line_add(line, is_json() ? "\":" : "=");
    if (field->kind == LOG_FIELD_NUMBER) {
        snprintf(number, sizeof(number), "%lld", (long long)field->number);
        line_add(line, number);
    } else {
        line_add_quoted(line, field->string);
    }
}

void log_configure(enum log_level level, enum log_format format) {
    least_level = level;
    line_format = format;
}

void log_divert(log_divert_fn *fn, void *ctx) {
    divert = fn;
    divert_ctx = ctx;
}

bool log_enabled(enum log_level level) {
    return divert != NULL ? level >= LOG_LEVEL_INFO : level >= least_level;
}

static bool find_name(const char *const *names, size_t count, struct slice name, size_t *ret_index) {
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(slice_from_string(names[i]), name)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

bool log_level_parse(struct slice name, enum log_level *ret_level) {
    size_t index;

    if (!find_name(level_names, sizeof(level_names) / sizeof(level_names[0]), name, &index)) {
        return false;
    }
    *ret_level = (enum log_level)index;
    return true;
}

bool log_format_parse(struct slice name, enum log_format *ret_format) {
    size_t index;

    if (!find_name(format_names, sizeof(format_names) / sizeof(format_names[0]), name, &index)) {
        return false;
    }
    *ret_format = (enum log_format)index;
    return true;
}

static void line_add_head(struct line *line, enum log_level level, const char *message) {
    if (divert != NULL) {
        line_add(line, message);
    } else if (is_json()) {
        line_add(line, "{\"time\":\"");
        line_add_time(line);
        line_add(line, "\",\"level\":\"");
        line_add(line, level_names[level]);
        line_add(line, "\",\"message\":");
        line_add_quoted(line, slice_from_string(message));
    } else {
        line_add_time(line);
        line_add(line, " ");
        line_add(line, level_names[level]);
        line_add(line, " ");
        line_add(line, message);
    }
}

static void line_send(struct line *line, enum log_level level) {
    ssize_t written;

    if (divert != NULL) {
        line->text[line->size] = '\0';
        divert(divert_ctx, level, line->text);
        return;
    }
    if (is_json()) {
        line->text[line->size++] = '}';
    }
    line->text[line->size++] = '\n';
    written = write(STDERR_FILENO, line->text, line->size);
    (void)written; /* there is nowhere left to report it */
}

void log_write(enum log_level level, const char *message, const struct log_field *fields) {
    struct line line = {.size = 0};

    line_add_head(&line, level, message);
    for (; fields->name != NULL && !line.cut; fields++) {
        size_t before = line.size;

        line_add_field(&line, fields);
        /* Half a field would no longer parse. */
        line.size = line.cut ? before : line.size;
    }
    line_send(&line, level);
}
