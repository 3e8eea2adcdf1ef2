/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of HTTP/1.1: decoded whole, and again byte by byte as a slow client sends them. Both must agree. What is
 * taken is taken by another parser, http_parser, too, and ends at the same byte there: it is the laxer one, so whatever
 * both take they must understand alike. */
#include <assert.h>
#include <http_parser.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "proto/http/body.h"
#include "proto/http/condition.h"
#include "proto/http/target.h"

enum { BODY_LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice whole, struct slice part) {
    assert(part.size == 0 || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size));
}

/* Everything that is made of a head. */
static void use_head(const struct http_head *head) {
    struct conditions conditions;
    struct http_target target;
    struct slice name;
    struct slice value;
    size_t cursor = 0;

    while (http_head_next(head, HTTP_FIELD_CACHE_CONTROL, &cursor, &value)) {
        check_inside(head->lines, value);
    }
    if (head->fields[HTTP_FIELD_IF_NONE_MATCH].data != NULL) {
        (void)http_tags_name(head->fields[HTTP_FIELD_IF_NONE_MATCH], SLICE("W/\"1-x\""));
    }
    if (http_conditions_read(head, SLICE("-x"), &conditions)) {
        (void)conditions_hold(&conditions, true, 1);
    }
    if (http_target_split(head->target, &target)) {
        char *place = malloc(head->target.size + 1);
        struct http_query query = {.rest = target.query, .place = place};

        assert(place != NULL);
        check_inside(head->target, target.path);
        (void)http_target_decode(target.path, place, &value);
        while (http_query_next(&query, &name, &value) == HTTP_QUERY_PARAMETER) {
        }
        assert(query.place <= place + target.query.size);
        free(place);
    }
}

/* Reads a body in pieces of `step`; the bytes taken are *ret_size, and their sum, by place, is *ret_sum. */
static enum http_verdict read_body(const struct http_head *head, struct slice input, size_t step, size_t *ret_size,
                                   uint64_t *ret_sum) {
    enum http_verdict verdict;
    struct http_body body;
    uint64_t place = 0;
    size_t at = 0;

    *ret_sum = 0;
    http_body_begin(&body, head, BODY_LIMIT);
    verdict = http_body_is_complete(&body) ? HTTP_DONE : HTTP_MORE;
    while (verdict == HTTP_MORE && at < input.size) {
        size_t size = input.size - at < step ? input.size - at : step;
        struct slice data;
        size_t taken;

        verdict = http_body_next(&body, slice_make(input.data + at, size), &data, &taken);
        check_inside(slice_make(input.data + at, size), data);
        assert(taken > 0 || verdict != HTTP_MORE);
        for (size_t i = 0; i < data.size; i++) {
            *ret_sum += ++place * (unsigned char)data.data[i];
        }
        at += taken;
    }
    *ret_size = at;
    return verdict;
}

static int on_complete(http_parser *parser) {
    *(bool *)parser->data = true;
    http_parser_pause(parser, 1);
    return 0;
}

/* Whether a field is called "Transfer-Encoding8" or the like, which it takes for Transfer-Encoding. */
static bool has_longer_encoding(struct slice lines) {
    const struct slice name = SLICE("transfer-encoding");

    while (lines.size > name.size) {
        const char *end = memchr(lines.data, '\n', lines.size);

        if (strncasecmp(lines.data, name.data, name.size) == 0 && lines.data[name.size] != ':') {
            return true;
        }
        lines = slice_skip(lines, end != NULL ? (size_t)(end - lines.data) + 1 : lines.size);
    }
    return false;
}

/* What it refuses, or stops at, although it is right: it knows only some methods, checks URLs, takes a request to upgrade
 * for another protocol, and stumbles over numbers that nearly fill 64 bits. */
static bool is_quirk(const http_parser *parser) {
    switch (HTTP_PARSER_ERRNO(parser)) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_URL:
    case HPE_INVALID_VERSION:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_CHUNK_SIZE:
        return true;
    default:
        return parser->method == HTTP_CONNECT || parser->upgrade;
    }
}

static void check_against_other(struct slice request, const struct http_head *head) {
    http_parser_settings settings;
    http_parser parser;
    bool complete = false;
    size_t parsed;

    for (size_t i = 0; i < head->target.size; i++) {
        if ((unsigned char)head->target.data[i] >= 0x80) {
            return; /* taken here alone */
        }
    }
    if (has_longer_encoding(head->lines)) {
        return;
    }
    http_parser_settings_init(&settings);
    settings.on_message_complete = on_complete;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &complete;
    parsed = http_parser_execute(&parser, &settings, request.data, request.size);
    if (is_quirk(&parser)) {
        return;
    }
    assert(complete && parsed == request.size);
    assert((parser.http_minor == 0) == head->old);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1);
    struct http_head head;
    struct http_head part;
    size_t head_size = 0;
    size_t part_size = 0;
    size_t body_size;
    size_t body_part;
    uint64_t sum;
    uint64_t sum_part;
    enum http_verdict verdict;

    assert(exact != NULL);
    memcpy(exact, data, size);
    verdict = http_head_decode(slice_make(exact, size), &head, &head_size);
    for (size_t end = 0; end <= size && size <= 4096; end++) {
        char *beginning = malloc(end + 1);
        enum http_verdict early;

        assert(beginning != NULL);
        memcpy(beginning, exact, end);
        early = http_head_decode(slice_make(beginning, end), &part, &part_size);
        free(beginning);
        assert(early == HTTP_MORE ? end < size || verdict == HTTP_MORE : early == verdict);
        if (early != HTTP_MORE) {
            assert(early != HTTP_DONE || (part_size == head_size && end == head_size && part.verb == head.verb &&
                                          part.body == head.body && part.keep_alive == head.keep_alive));
            break;
        }
    }
    if (verdict == HTTP_DONE) {
        struct slice rest = slice_make(exact + head_size, size - head_size);

        use_head(&head);
        verdict = read_body(&head, rest, rest.size + 1, &body_size, &sum);
        assert(read_body(&head, rest, 1, &body_part, &sum_part) == verdict);
        assert(body_part == body_size && sum_part == sum);
        if (verdict == HTTP_DONE) {
            check_against_other(slice_make(exact, head_size + body_size), &head);
        }
    }
    free(exact);
    return 0;
}
