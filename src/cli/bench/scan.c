/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/scan.h"

#include <string.h>

static const char crlf[2] = {'\r', '\n'};

void scan_init(struct scanner *s, struct scan_memory *memory) {
    s->memory = memory;
    s->value = (struct mc_response){.kind = MC_RESPONSE_VALUE};
    s->skip = 0;
    s->line_size = 0;
}

static bool has_value(const struct mc_response *answer) {
    return answer->kind == MC_RESPONSE_VALUE || answer->kind == MC_RESPONSE_VA;
}

static bool matches(const struct scan_pattern *pattern, const char *data, size_t size) {
    return pattern->size > 0 && size >= pattern->size && memcmp(data, pattern->line, pattern->key_at) == 0 &&
           memcmp(data + pattern->key_end, pattern->line + pattern->key_end, pattern->size - pattern->key_end) == 0;
}

/* `line` is without its LF, but that follows it in memory or is known to have come. Texts are kept out of patterns:
 * what an error says matters each time. */
static void remember(struct scan_pattern *pattern, struct slice line, const struct mc_response *answer) {
    if (line.size >= SCAN_LINE_MAX || answer->text.size > 0) {
        return;
    }
    memcpy(pattern->line, line.data, line.size);
    pattern->line[line.size] = '\n';
    pattern->size = line.size + 1;
    pattern->key_at = answer->key.size == 0 ? pattern->size : (size_t)(answer->key.data - line.data);
    pattern->key_end = answer->key.size == 0 ? pattern->size : pattern->key_at + answer->key.size;
    pattern->answer = *answer;
    pattern->answer.key = pattern->answer.flags = slice_make(NULL, 0);
}

static enum larder_error deliver(struct scanner *s, const struct mc_response *answer, scan_fn *on_answer, void *ctx) {
    if (!has_value(answer)) {
        return on_answer(ctx, answer);
    }
    s->value.kind = answer->kind;
    s->value.value_size = answer->value_size;
    s->skip = answer->value_size + sizeof(crlf);
    return LARDER_OK;
}

static enum larder_error take_line(struct scanner *s, struct slice line, scan_fn *on_answer, void *ctx) {
    struct mc_response answer;
    enum larder_error error;

    if (line.size == 0 || line.data[line.size - 1] != '\r') {
        return LARDER_ERROR_PROTOCOL;
    }
    error = mc_response_decode_line(slice_make(line.data, line.size - 1), &answer);
    if (error != LARDER_OK) {
        return error;
    }
    remember(has_value(&answer) ? &s->memory->with_value : &s->memory->bare, line, &answer);
    return deliver(s, &answer, on_answer, ctx);
}

/* Consumes what has arrived of a value and returns how much that is. */
static size_t skip_value(struct scanner *s, const char *data, size_t size, enum larder_error *ret_error) {
    size_t used = 0;

    if (s->skip > sizeof(crlf)) {
        used = s->skip - sizeof(crlf) < size ? s->skip - sizeof(crlf) : size;
        s->skip -= used;
    }
    while (used < size && s->skip > 0 && s->skip <= sizeof(crlf)) {
        if (data[used] != crlf[sizeof(crlf) - s->skip]) {
            *ret_error = LARDER_ERROR_PROTOCOL;
            return used;
        }
        s->skip--;
        used++;
    }
    return used;
}

static enum larder_error keep_beginning(struct scanner *s, const char *data, size_t size) {
    if (size > sizeof(s->line) - s->line_size) {
        return LARDER_ERROR_PROTOCOL;
    }
    memcpy(s->line + s->line_size, data, size);
    s->line_size += size;
    return LARDER_OK;
}

/* Consumes a line, or all of `data` when its end has not arrived. */
static size_t scan_line(struct scanner *s, const char *data, size_t size, scan_fn *on_answer, void *ctx,
                        enum larder_error *ret_error) {
    const char *newline = memchr(data, '\n', size);
    size_t count = newline == NULL ? size : (size_t)(newline - data);

    if (newline != NULL && s->line_size == 0) {
        *ret_error = take_line(s, slice_make(data, count), on_answer, ctx);
        return count + 1;
    }
    *ret_error = keep_beginning(s, data, count);
    if (newline == NULL || *ret_error != LARDER_OK) {
        return count;
    }
    *ret_error = take_line(s, slice_make(s->line, s->line_size), on_answer, ctx);
    s->line_size = 0;
    return count + 1;
}

enum larder_error scan_feed(struct scanner *s, const char *data, size_t size, scan_fn *on_answer, void *ctx) {
    const struct scan_memory *memory = s->memory;
    enum larder_error error = LARDER_OK;
    size_t used;

    for (; size > 0 && error == LARDER_OK; data += used, size -= used) {
        if (s->skip > 0) {
            used = skip_value(s, data, size, &error);
            if (error == LARDER_OK && s->skip == 0) {
                error = on_answer(ctx, &s->value);
            }
        } else if (s->line_size == 0 && matches(&memory->with_value, data, size)) {
            used = memory->with_value.size;
            error = deliver(s, &memory->with_value.answer, on_answer, ctx);
        } else if (s->line_size == 0 && matches(&memory->bare, data, size)) {
            used = memory->bare.size;
            error = on_answer(ctx, &memory->bare.answer);
        } else {
            used = scan_line(s, data, size, on_answer, ctx, &error);
        }
    }
    return error;
}
