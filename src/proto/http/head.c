/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/head.h"

#include "base/number.h"
#include "proto/http/chars.h"

enum { CRLF = 2 };

/* What the Connection fields have said. */
struct connection_options {
    bool close;
    bool keep_alive;
};

static enum http_verb verb_of(struct slice method) {
    static const struct slice names[HTTP_VERB_OTHER] = {
        [HTTP_VERB_GET] = {"GET", 3},       [HTTP_VERB_HEAD] = {"HEAD", 4}, [HTTP_VERB_PUT] = {"PUT", 3},
        [HTTP_VERB_DELETE] = {"DELETE", 6}, [HTTP_VERB_POST] = {"POST", 4}, [HTTP_VERB_OPTIONS] = {"OPTIONS", 7},
    };
    unsigned verb = 0;

    while (verb < HTTP_VERB_OTHER && !slice_equal(method, names[verb])) {
        verb++;
    }
    return verb;
}

/* Takes CR LF off the start of `text`. */
static enum http_verdict take_line_end(struct slice *text) {
    if (text->size > 0 && text->data[0] != '\r') {
        return HTTP_BAD_LINE_END;
    }
    if (text->size < CRLF) {
        return HTTP_MORE;
    }
    if (text->data[1] != '\n') {
        return HTTP_BAD_LINE_END;
    }
    *text = slice_skip(*text, CRLF);
    return HTTP_DONE;
}

/* Empty lines before a request, which some clients send behind a body (RFC 9112, 2.2). */
static enum http_verdict skip_empty_lines(struct slice *text) {
    while (text->size > 0 && text->data[0] == '\r') {
        enum http_verdict verdict = take_line_end(text);

        if (verdict != HTTP_DONE) {
            return verdict;
        }
    }
    return text->size > 0 ? HTTP_DONE : HTTP_MORE;
}

/* Takes a word of such characters and the one space behind it. */
static enum http_verdict take_word(struct slice *text, enum http_chars chars, struct slice *ret_word) {
    size_t size = http_span(*text, chars);

    if (size == text->size) {
        return HTTP_MORE;
    }
    if (size == 0 || text->data[size] != ' ') {
        return HTTP_BAD_REQUEST_LINE;
    }
    *ret_word = slice_make(text->data, size);
    *text = slice_skip(*text, size + 1);
    return HTTP_DONE;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A later minor version is spoken to as 1.1 (RFC 9110, 2.5). */
static enum http_verdict take_version(struct slice *text, struct http_head *head) {
    static const char pattern[] = "HTTP/0.0"; /* 0 stands for a digit */
    const size_t size = sizeof(pattern) - 1;

    for (size_t i = 0; i < size && i < text->size; i++) {
        char c = text->data[i];

        if (pattern[i] == '0' ? !is_digit(c) : c != pattern[i]) {
            return HTTP_BAD_REQUEST_LINE;
        }
    }
    if (text->size < size) {
        return HTTP_MORE;
    }
    if (text->data[size - 3] != '1') {
        return HTTP_UNKNOWN_VERSION;
    }
    head->old = text->data[size - 1] == '0';
    *text = slice_skip(*text, size);
    return take_line_end(text);
}

static enum http_verdict take_request_line(struct slice *text, struct http_head *head) {
    enum http_verdict verdict = skip_empty_lines(text);
    struct slice method;

    if (verdict == HTTP_DONE) {
        verdict = take_word(text, HTTP_CHARS_TOKEN, &method);
    }
    if (verdict == HTTP_DONE) {
        head->verb = verb_of(method);
        verdict = take_word(text, HTTP_CHARS_TARGET, &head->target);
    }
    return verdict == HTTP_DONE ? take_version(text, head) : verdict;
}

/* Takes "name: value" and the line's end. */
static enum http_verdict take_field_line(struct slice *text, struct slice *ret_name, struct slice *ret_value) {
    size_t size = http_span(*text, HTTP_CHARS_TOKEN);

    if (size == text->size) {
        return HTTP_MORE;
    }
    if (size == 0 || text->data[size] != ':') {
        return HTTP_BAD_FIELD;
    }
    *ret_name = slice_make(text->data, size);
    *text = slice_skip(*text, size + 1);
    size = http_span(*text, HTTP_CHARS_VALUE);
    *ret_value = http_trim(slice_make(text->data, size));
    *text = slice_skip(*text, size);
    if (text->size > 0 && text->data[0] != '\r' && text->data[0] != '\n') {
        return HTTP_BAD_FIELD;
    }
    return take_line_end(text);
}

static enum http_verdict note_expectation(struct http_head *head, struct slice value) {
    struct slice element;

    while (http_list_next(&value, &element)) {
        bool known = http_is_word(element, SLICE("100-continue")) && head->expectation != HTTP_EXPECTS_UNKNOWN;

        head->expectation = known ? HTTP_EXPECTS_CONTINUE : HTTP_EXPECTS_UNKNOWN;
    }
    return HTTP_DONE;
}

static enum http_verdict note_connection(struct connection_options *options, struct slice value) {
    struct slice element;

    while (http_list_next(&value, &element)) {
        options->close = options->close || http_is_word(element, SLICE("close"));
        options->keep_alive = options->keep_alive || http_is_word(element, SLICE("keep-alive"));
    }
    return HTTP_DONE;
}

static enum http_verdict note_encoding(struct http_head *head, struct slice value) {
    head->body = HTTP_BODY_CHUNKED;
    return http_is_word(value, SLICE("chunked")) ? HTTP_DONE : HTTP_UNKNOWN_ENCODING;
}

static enum http_verdict note_host(struct slice value) {
    return http_span(value, HTTP_CHARS_HOST) == value.size ? HTTP_DONE : HTTP_BAD_HOST;
}

static enum http_verdict refuse_second(enum http_field field) {
    switch (field) {
    case HTTP_FIELD_HOST:
        return HTTP_BAD_HOST;
    case HTTP_FIELD_CONTENT_LENGTH:
    case HTTP_FIELD_TRANSFER_ENCODING:
        return HTTP_AMBIGUOUS_LENGTH;
    default:
        return HTTP_REPEATED_FIELD;
    }
}

static enum http_verdict note_field(struct http_head *head, struct connection_options *options, struct slice name,
                                    struct slice value) {
    enum http_field field = http_field_find(name);

    if (field == HTTP_FIELD_COUNT) {
        return HTTP_DONE;
    }
    if (head->fields[field].data == NULL) {
        head->fields[field] = value;
    } else if (http_field_is_single(field)) {
        return refuse_second(field);
    }
    switch (field) {
    case HTTP_FIELD_HOST:
        return note_host(value);
    case HTTP_FIELD_CONTENT_LENGTH:
        return number_parse_u64(value, &head->content_length) ? HTTP_DONE : HTTP_BAD_LENGTH;
    case HTTP_FIELD_TRANSFER_ENCODING:
        return note_encoding(head, value);
    case HTTP_FIELD_CONNECTION:
        return note_connection(options, value);
    case HTTP_FIELD_EXPECT:
        return note_expectation(head, value);
    default:
        return HTTP_DONE;
    }
}

/* What only the whole head can tell. */
static enum http_verdict conclude(struct http_head *head, const struct connection_options *options) {
    bool sized = head->fields[HTTP_FIELD_CONTENT_LENGTH].data != NULL;
    bool chunked = head->body == HTTP_BODY_CHUNKED;

    if (!head->old && head->fields[HTTP_FIELD_HOST].data == NULL) {
        return HTTP_BAD_HOST;
    }
    if (chunked && sized) {
        return HTTP_AMBIGUOUS_LENGTH;
    }
    if (chunked && head->old) {
        return HTTP_OLD_ENCODING;
    }
    if (sized && head->content_length > 0) {
        head->body = HTTP_BODY_LENGTH;
    }
    if (head->old || head->body == HTTP_BODY_NONE) {
        head->expectation = HTTP_EXPECTS_NOTHING; /* RFC 9110, 10.1.1 */
    }
    head->keep_alive = !options->close && (!head->old || options->keep_alive);
    return HTTP_DONE;
}

static enum http_verdict take_head(struct slice *text, struct http_head *head) {
    struct connection_options options = {false, false};
    enum http_verdict verdict = take_request_line(text, head);

    head->lines.data = text->data;
    while (verdict == HTTP_DONE && text->size > 0 && text->data[0] != '\r') {
        struct slice name;
        struct slice value;

        verdict = take_field_line(text, &name, &value);
        if (verdict == HTTP_DONE) {
            verdict = note_field(head, &options, name, value);
        }
    }
    if (verdict != HTTP_DONE) {
        return verdict;
    }
    head->lines.size = (size_t)(text->data - head->lines.data);
    verdict = text->size > 0 ? take_line_end(text) : HTTP_MORE;
    return verdict == HTTP_DONE ? conclude(head, &options) : verdict;
}

enum http_verdict http_head_decode(struct slice input, struct http_head *ret_head, size_t *ret_size) {
    struct slice text = slice_make(input.data, input.size < HTTP_HEAD_MAX ? input.size : HTTP_HEAD_MAX);
    enum http_verdict verdict;

    *ret_head = (struct http_head){0};
    verdict = take_head(&text, ret_head);
    if (verdict == HTTP_MORE && input.size >= HTTP_HEAD_MAX) {
        return ret_head->target.data == NULL ? HTTP_TARGET_TOO_LARGE : HTTP_HEAD_TOO_LARGE;
    }
    if (verdict == HTTP_DONE) {
        *ret_size = (size_t)(text.data - input.data);
    }
    return verdict;
}

bool http_head_next(const struct http_head *head, enum http_field field, size_t *cursor, struct slice *ret_value) {
    struct slice lines = slice_skip(head->lines, *cursor);

    while (lines.size > 0) {
        struct slice name;

        (void)take_field_line(&lines, &name, ret_value);
        *cursor = head->lines.size - lines.size;
        if (http_field_find(name) == field) {
            return true;
        }
    }
    return false;
}
