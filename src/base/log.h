/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_LOG_H
#define LARDER_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Structured log lines on standard error, as text for people or JSON for machines. A line is a level, a constant message
 * and named fields; it is written with one write(2), so lines of several threads never mix. Values of cached entries never
 * go into a log; keys do, through log_key, shortened and escaped. */
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* One field. Build it with the helpers below, inside the call: the text must live as long as the call. */
struct log_field {
    const char *name;
    enum { LOG_FIELD_STRING, LOG_FIELD_NUMBER } kind;
    struct slice string;
    int64_t number;
};

/* Sets what is written from now on; at first LOG_LEVEL_INFO as text. Called once at start, before threads. */
void log_configure(enum log_level level, enum log_format format);

/* Whether a line of this level would be written. */
bool log_enabled(enum log_level level);

/* The names "debug", "info", "warn", "error" / "text", "json". False when unknown. */
bool log_level_parse(struct slice name, enum log_level *ret_level);
bool log_format_parse(struct slice name, enum log_format *ret_format);

/* Writes one line, if the level is enabled. `fields` ends with a field whose name is NULL. Never fails;
 * from the first field that does not fit a line of 2 KiB on, fields are left out. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* Told of a line instead of standard error: "the message name=value ...", NUL-terminated, without the time. */
typedef void log_divert_fn(void *ctx, enum log_level level, const char *line);

/* Lines of this thread, from LOG_LEVEL_INFO on, go there from now on; NULL: to standard error again. For programs that are not
 * ours: a thread of a library says nothing on their standard error. */
void log_divert(log_divert_fn *fn, void *ctx);

static inline struct log_field log_string(const char *name, const char *value) {
    return (struct log_field){.name = name, .kind = LOG_FIELD_STRING, .string = slice_from_string(value)};
}
static inline struct log_field log_slice(const char *name, struct slice value) {
    return (struct log_field){.name = name, .kind = LOG_FIELD_STRING, .string = value};
}
static inline struct log_field log_key(struct slice key) {
    return (struct log_field){.name = "key", .kind = LOG_FIELD_STRING, .string = key};
}
static inline struct log_field log_number(const char *name, int64_t value) {
    return (struct log_field){.name = name, .kind = LOG_FIELD_NUMBER, .number = value};
}

#define LOG_AT(level, message, ...)                                                                                    \
    do {                                                                                                               \
        if (log_enabled(level)) {                                                                                      \
            log_write(level, message, (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.name = NULL}});                 \
        }                                                                                                              \
    } while (0)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
