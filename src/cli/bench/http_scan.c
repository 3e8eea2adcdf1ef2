/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/http_scan.h"

#include <string.h>
#include <strings.h>

#include "base/number.h"

/* What comes next. */
enum { STATUS, HEADER, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER };

static void begin_answer(struct http_scanner *s) {
    s->state = STATUS;
    s->chunked = s->sized = false;
    s->length = s->left = 0;
    s->head_size = 0;
    s->answer = (struct http_answer){.body = {s->body, 0}};
}

void http_scan_init(struct http_scanner *s) {
    s->line_size = 0;
    begin_answer(s);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the words behind the number may be missing. */
static enum larder_error take_status(struct http_scanner *s, struct slice line) {
    const char *number = line.data + 9;

    if (line.size < 12 || !slice_has_prefix(line, SLICE("HTTP/1.")) || line.data[8] != ' ' || !is_digit(number[0]) ||
        !is_digit(number[1]) || !is_digit(number[2]) || (line.size > 12 && number[3] != ' ') || number[0] == '0') {
        return LARDER_ERROR_PROTOCOL;
    }
    s->answer.status =
        (unsigned)(number[0] - '0') * 100 + (unsigned)(number[1] - '0') * 10 + (unsigned)(number[2] - '0');
    s->answer.closes = line.data[7] == '0';
    s->state = HEADER;
    return LARDER_OK;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* The value of the line if it is the header `name`, without the blanks around it. */
static bool is_header(struct slice line, struct slice name, struct slice *ret_value) {
    if (line.size <= name.size || line.data[name.size] != ':' || strncasecmp(line.data, name.data, name.size) != 0) {
        return false;
    }
    *ret_value = slice_skip(line, name.size + 1);
    while (ret_value->size > 0 && is_blank(ret_value->data[0])) {
        *ret_value = slice_skip(*ret_value, 1);
    }
    while (ret_value->size > 0 && is_blank(ret_value->data[ret_value->size - 1])) {
        ret_value->size--;
    }
    return true;
}

static bool is_word(struct slice value, struct slice word) {
    return value.size == word.size && strncasecmp(value.data, word.data, word.size) == 0;
}

static enum larder_error take_header(struct http_scanner *s, struct slice line) {
    struct slice value;

    if (is_header(line, SLICE("Content-Length"), &value)) {
        if (s->sized || !number_parse_u64(value, &s->length)) {
            return LARDER_ERROR_PROTOCOL;
        }
        s->sized = true;
    } else if (is_header(line, SLICE("Transfer-Encoding"), &value)) {
        s->chunked = is_word(value, SLICE("chunked"));
        return s->chunked ? LARDER_OK : LARDER_ERROR_PROTOCOL;
    } else if (is_header(line, SLICE("Connection"), &value)) {
        s->answer.closes = is_word(value, SLICE("close"));
    }
    return LARDER_OK;
}

static enum larder_error deliver(struct http_scanner *s, http_scan_fn *on_answer, void *ctx) {
    enum larder_error error = on_answer(ctx, &s->answer);

    begin_answer(s);
    return error;
}

static enum larder_error end_head(struct http_scanner *s, http_scan_fn *on_answer, void *ctx) {
    unsigned status = s->answer.status;

    if (status < 200) {
        begin_answer(s);
        return LARDER_OK;
    }
    if (status == 204 || status == 304 || (s->sized && s->length == 0 && !s->chunked)) {
        return deliver(s, on_answer, ctx);
    }
    if (s->chunked) {
        s->state = CHUNK_SIZE;
        return LARDER_OK;
    }
    s->left = s->length;
    s->state = BODY;
    return s->sized ? LARDER_OK : LARDER_ERROR_PROTOCOL;
}

static int hex_digit(char c) {
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "1f" or "1f;an=extension". */
static enum larder_error take_chunk_size(struct http_scanner *s, struct slice line) {
    uint64_t chunk = 0;
    size_t i = 0;

    for (; i < line.size && hex_digit(line.data[i]) >= 0; i++) {
        if (chunk >> 59 != 0) {
            return LARDER_ERROR_PROTOCOL;
        }
        chunk = chunk * 16 + (uint64_t)hex_digit(line.data[i]);
    }
    if (i == 0 || (i < line.size && line.data[i] != ';' && !is_blank(line.data[i]))) {
        return LARDER_ERROR_PROTOCOL;
    }
    s->left = chunk;
    s->state = chunk == 0 ? TRAILER : CHUNK;
    return LARDER_OK;
}

static enum larder_error take_line(struct http_scanner *s, struct slice line, http_scan_fn *on_answer, void *ctx) {
    if (line.size == 0 || line.data[line.size - 1] != '\r') {
        return LARDER_ERROR_PROTOCOL;
    }
    line.size--;
    s->head_size += line.size;
    if (s->head_size > HTTP_SCAN_HEAD_MAX) {
        return LARDER_ERROR_PROTOCOL;
    }
    switch (s->state) {
    case STATUS:
        return take_status(s, line);
    case HEADER:
        return line.size == 0 ? end_head(s, on_answer, ctx) : take_header(s, line);
    case CHUNK_SIZE:
        s->head_size = 0;
        return take_chunk_size(s, line);
    case CHUNK_END:
        s->state = CHUNK_SIZE;
        return line.size == 0 ? LARDER_OK : LARDER_ERROR_PROTOCOL;
    default:
        return line.size == 0 ? deliver(s, on_answer, ctx) : LARDER_OK;
    }
}

/* Consumes a line, or all of `data` when its end has not arrived. */
static size_t scan_line(struct http_scanner *s, const char *data, size_t size, http_scan_fn *on_answer, void *ctx,
                        enum larder_error *ret_error) {
    const char *newline = memchr(data, '\n', size);
    size_t count = newline == NULL ? size : (size_t)(newline - data);

    if (count > sizeof(s->line) - s->line_size) {
        *ret_error = LARDER_ERROR_PROTOCOL;
        return count;
    }
    if (newline != NULL && s->line_size == 0) {
        *ret_error = take_line(s, slice_make(data, count), on_answer, ctx);
        return count + 1;
    }
    memcpy(s->line + s->line_size, data, count);
    s->line_size += count;
    if (newline == NULL) {
        return count;
    }
    *ret_error = take_line(s, slice_make(s->line, s->line_size), on_answer, ctx);
    s->line_size = 0;
    return count + 1;
}

/* Consumes what has arrived of a body or of a chunk. */
static size_t scan_body(struct http_scanner *s, const char *data, size_t size, http_scan_fn *on_answer, void *ctx,
                        enum larder_error *ret_error) {
    size_t used = s->left < size ? (size_t)s->left : size;
    size_t room = sizeof(s->body) - s->answer.body.size;
    size_t kept = used < room ? used : room;

    memcpy(s->body + s->answer.body.size, data, kept);
    s->answer.body.size += kept;
    s->answer.body_size += used;
    s->left -= used;
    if (s->left == 0 && s->state == CHUNK) {
        s->state = CHUNK_END;
    } else if (s->left == 0) {
        *ret_error = deliver(s, on_answer, ctx);
    }
    return used;
}

enum larder_error http_scan_feed(struct http_scanner *s, const char *data, size_t size, http_scan_fn *on_answer,
                                 void *ctx) {
    enum larder_error error = LARDER_OK;
    size_t used;

    for (; size > 0 && error == LARDER_OK; data += used, size -= used) {
        if (s->state == BODY || s->state == CHUNK) {
            used = scan_body(s, data, size, on_answer, ctx, &error);
        } else {
            used = scan_line(s, data, size, on_answer, ctx, &error);
        }
    }
    return error;
}
