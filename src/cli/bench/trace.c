/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/trace.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/number.h"
#include "base/slice.h"

enum { LINE_MAX_BYTES = 512, COLUMNS = 5, COLUMN_OP = 2, COLUMN_SIZE = 3, COLUMN_KEY = 4 };

static size_t split_columns(struct slice line, struct slice columns[COLUMNS]) {
    size_t count = 0;

    while (count < COLUMNS) {
        const char *comma = line.size == 0 ? NULL : memchr(line.data, ',', line.size);

        columns[count++] = slice_make(line.data, comma == NULL ? line.size : (size_t)(comma - line.data));
        if (comma == NULL) {
            break;
        }
        line = slice_skip(line, columns[count - 1].size + 1);
    }
    return count;
}

static bool parse_line(struct slice line, uint64_t scale, uint64_t max, struct trace_entry *ret_entry) {
    struct slice columns[COLUMNS];
    uint64_t size;

    if (split_columns(line, columns) != COLUMNS || !number_parse_u64(columns[COLUMN_SIZE], &size) ||
        !number_parse_u64(columns[COLUMN_KEY], &ret_entry->key)) {
        return false;
    }
    ret_entry->is_write = slice_equal(columns[COLUMN_OP], SLICE("2a"));
    size /= scale;
    ret_entry->size = (uint32_t)(size == 0 ? 1 : size < max ? size : max);
    return ret_entry->is_write || slice_equal(columns[COLUMN_OP], SLICE("28"));
}

static enum larder_error append(struct trace *trace, const struct trace_entry *entry) {
    if (trace->count == trace->capacity) {
        size_t capacity = trace->capacity == 0 ? 65536 : trace->capacity * 2;
        struct trace_entry *entries = realloc(trace->entries, capacity * sizeof(*entries));

        if (entries == NULL) {
            return LARDER_ERROR_NO_MEMORY;
        }
        trace->entries = entries;
        trace->capacity = capacity;
    }
    trace->entries[trace->count++] = *entry;
    trace->key_max = entry->key > trace->key_max ? entry->key : trace->key_max;
    trace->size_max = entry->size > trace->size_max ? entry->size : trace->size_max;
    return LARDER_OK;
}

static enum larder_error read_lines(gzFile file, uint64_t scale, uint64_t max, struct trace *trace, size_t *ret_line) {
    char text[LINE_MAX_BYTES];

    for (*ret_line = 1; gzgets(file, text, sizeof(text)) != NULL; ++*ret_line) {
        struct slice line = slice_make(text, strcspn(text, "\r\n"));
        struct trace_entry entry;
        enum larder_error error;

        if (*ret_line == 1 && slice_has_prefix(line, SLICE("version,"))) {
            continue;
        }
        if (!parse_line(line, scale, max, &entry)) {
            return LARDER_ERROR_INVALID;
        }
        error = append(trace, &entry);
        if (error != LARDER_OK) {
            return error;
        }
    }
    /* A damaged or cut gzip file ends its lines too early and without a word. */
    return gzeof(file) && trace->count > 0 ? LARDER_OK : LARDER_ERROR_INVALID;
}

enum larder_error trace_load(const char *path, uint64_t scale, uint64_t max, struct trace *ret_trace,
                             size_t *ret_line) {
    struct trace trace = {.count = 0};
    gzFile file = gzopen(path, "rbe");
    enum larder_error error;

    if (file == NULL) {
        return LARDER_ERROR_NOT_FOUND;
    }
    error = read_lines(file, scale, max, &trace, ret_line);
    if (gzclose(file) != Z_OK && error == LARDER_OK) {
        error = LARDER_ERROR_INVALID;
    }
    if (error != LARDER_OK) {
        trace_fini(&trace);
        return error;
    }
    *ret_trace = trace;
    return LARDER_OK;
}

void trace_fini(struct trace *trace) {
    free(trace->entries);
    *trace = (struct trace){.count = 0};
}
