/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/body.h"

#include "proto/http/chars.h"

enum { SIZE_DIGITS_MAX = 16 /* of a chunk's size: 64 bits */ };

void http_body_begin(struct http_body *b, const struct http_head *head, uint64_t limit) {
    *b = (struct http_body){.limit = limit, .chunked = head->body == HTTP_BODY_CHUNKED};
    if (b->chunked) {
        b->state = HTTP_BODY_SIZE;
    } else if (head->body == HTTP_BODY_NONE) {
        b->state = HTTP_BODY_COMPLETE;
    } else {
        b->left = head->content_length;
    }
}

static enum http_body_state after_data(const struct http_body *b) {
    return b->chunked ? HTTP_BODY_DATA_END : HTTP_BODY_COMPLETE;
}

bool http_body_skip(struct http_body *b, uint64_t size) {
    b->left -= size;
    b->taken += size;
    if (b->left == 0) {
        b->state = after_data(b);
        b->seen = 0;
    }
    return http_body_is_complete(b);
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum http_verdict move(struct http_body *b, enum http_body_state state) {
    b->state = state;
    b->seen = 0;
    return HTTP_MORE;
}

/* The byte must be `wanted`; then `state` follows. */
static enum http_verdict expect(struct http_body *b, char c, char wanted, enum http_body_state state) {
    return c == wanted ? move(b, state) : HTTP_BAD_CHUNK;
}

static enum http_verdict take_extra(struct http_body *b) {
    return ++b->extra > HTTP_BODY_EXTRA_MAX ? HTTP_EXTRA_TOO_LARGE : HTTP_MORE;
}

/* The size, or what ends it: CR or an extension. White space behind the size, which RFC 9112, 7.1.1 tolerates before an
 * extension, is refused: receivers differ in what they make of it. */
static enum http_verdict take_size(struct http_body *b, char c) {
    int digit = digit_of(c);

    if (digit >= 0) {
        b->left = b->left << 4 | (uint64_t)digit;
        return ++b->seen > SIZE_DIGITS_MAX ? HTTP_BAD_CHUNK : HTTP_MORE;
    }
    if (b->seen == 0) {
        return HTTP_BAD_CHUNK;
    }
    if (c == '\r') {
        return move(b, HTTP_BODY_SIZE_END);
    }
    if (c == ';') {
        return move(b, HTTP_BODY_EXTENSION);
    }
    return HTTP_BAD_CHUNK;
}

/* A byte of an extension or of a trailer's line; CR ends it. */
static enum http_verdict take_text(struct http_body *b, char c, enum http_body_state at_end) {
    if (c == '\r') {
        return move(b, at_end);
    }
    return http_char_is(c, HTTP_CHARS_VALUE) ? take_extra(b) : HTTP_BAD_CHUNK;
}

static enum http_verdict take_trailer_start(struct http_body *b, char c) {
    if (c == '\r') {
        return move(b, HTTP_BODY_LAST_END);
    }
    if (!http_char_is(c, HTTP_CHARS_TOKEN)) {
        return HTTP_BAD_CHUNK;
    }
    move(b, HTTP_BODY_TRAILER_NAME);
    return take_extra(b);
}

static enum http_verdict take_trailer_name(struct http_body *b, char c) {
    if (c == ':') {
        return move(b, HTTP_BODY_TRAILER_LINE);
    }
    return http_char_is(c, HTTP_CHARS_TOKEN) ? take_extra(b) : HTTP_BAD_CHUNK;
}

static enum http_verdict take_data_end(struct http_body *b, char c) {
    if (c != "\r\n"[b->seen]) {
        return HTTP_BAD_CHUNK;
    }
    return ++b->seen < 2 ? HTTP_MORE : move(b, HTTP_BODY_SIZE);
}

/* One byte that is not data. */
static enum http_verdict take_byte(struct http_body *b, char c) {
    switch (b->state) {
    case HTTP_BODY_DATA_END:
        return take_data_end(b, c);
    case HTTP_BODY_SIZE:
        return take_size(b, c);
    case HTTP_BODY_EXTENSION:
        return take_text(b, c, HTTP_BODY_SIZE_END);
    case HTTP_BODY_SIZE_END:
        return expect(b, c, '\n', b->left > 0 ? HTTP_BODY_DATA : HTTP_BODY_TRAILER);
    case HTTP_BODY_TRAILER:
        return take_trailer_start(b, c);
    case HTTP_BODY_TRAILER_NAME:
        return take_trailer_name(b, c);
    case HTTP_BODY_TRAILER_LINE:
        return take_text(b, c, HTTP_BODY_TRAILER_LINE_END);
    case HTTP_BODY_TRAILER_LINE_END:
        return expect(b, c, '\n', HTTP_BODY_TRAILER);
    default:
        return expect(b, c, '\n', HTTP_BODY_COMPLETE);
    }
}

enum http_verdict http_body_next(struct http_body *b, struct slice input, struct slice *ret_data, size_t *ret_size) {
    enum http_verdict verdict = HTTP_MORE;
    size_t at = 0;

    *ret_data = slice_make(NULL, 0);
    while (verdict == HTTP_MORE && at < input.size && b->state != HTTP_BODY_DATA && b->state != HTTP_BODY_COMPLETE) {
        verdict = take_byte(b, input.data[at++]);
    }
    if (verdict == HTTP_MORE && b->state == HTTP_BODY_DATA) {
        if (b->left > b->limit || b->taken > b->limit - b->left) {
            verdict = HTTP_BODY_TOO_LARGE;
        } else {
            size_t size = input.size - at < b->left ? input.size - at : (size_t)b->left;

            *ret_data = slice_make(input.data + at, size);
            at += size;
            http_body_skip(b, size);
        }
    }
    *ret_size = at;
    return verdict == HTTP_MORE && http_body_is_complete(b) ? HTTP_DONE : verdict;
}
