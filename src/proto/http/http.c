/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/http.h"

#include <http_parser.h>
#include <limits.h>
#include <stdio.h>

enum { STOP = -1 /* from a callback: the parser shall go no further */ };

/* What the parser's callbacks gather while they run over one request. */
struct gathering {
    struct slice target;
    size_t body_size;
    bool head_done;
    bool body_too_large;
    bool complete;
};

static int on_url(http_parser *parser, const char *at, size_t length) {
    struct gathering *g = parser->data;

    /* Of a target in several pieces each follows the one before, for the input lies in one piece. */
    if (g->target.data == NULL) {
        g->target.data = at;
    }
    g->target.size += length;
    return 0;
}

static int on_headers_complete(http_parser *parser) {
    struct gathering *g = parser->data;

    g->head_done = true;
    g->body_too_large = parser->content_length != ULLONG_MAX && parser->content_length > HTTP_BODY_MAX;
    return g->body_too_large ? STOP : 0;
}

static int on_body(http_parser *parser, const char *at, size_t length) {
    struct gathering *g = parser->data;

    (void)at;
    g->body_size += length;
    g->body_too_large = g->body_size > HTTP_BODY_MAX;
    return g->body_too_large ? STOP : 0;
}

static int on_message_complete(http_parser *parser) {
    struct gathering *g = parser->data;

    g->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static enum http_verb verb_of(const http_parser *parser) {
    if (parser->method == HTTP_GET) {
        return HTTP_VERB_GET;
    }
    return parser->method == HTTP_HEAD ? HTTP_VERB_HEAD : HTTP_VERB_OTHER;
}

static struct slice path_of(struct slice target) {
    const char *question = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;

    return question != NULL ? slice_make(target.data, (size_t)(question - target.data)) : target;
}

/* Parses what may be the head first, so that its limit counts alike whether or not more has come already. */
static size_t execute(http_parser *parser, const http_parser_settings *settings, struct slice input,
                      const struct gathering *g) {
    size_t first = input.size < HTTP_HEAD_MAX ? input.size : HTTP_HEAD_MAX;
    size_t parsed = http_parser_execute(parser, settings, input.data, first);

    if (parsed == first && first < input.size && g->head_done && !g->complete) {
        parsed += http_parser_execute(parser, settings, input.data + first, input.size - first);
    }
    return parsed;
}

enum http_decode_status http_decode(struct slice input, struct http_message *ret_message, size_t *ret_consumed) {
    http_parser_settings settings;
    http_parser parser;
    struct gathering g = {0};
    size_t parsed;

    http_parser_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_headers_complete = on_headers_complete;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &g;
    parsed = execute(&parser, &settings, input, &g);
    if (g.body_too_large || HTTP_PARSER_ERRNO(&parser) == HPE_HEADER_OVERFLOW) {
        return HTTP_DECODE_TOO_LARGE;
    }
    if (!g.complete && HTTP_PARSER_ERRNO(&parser) != HPE_OK) {
        return HTTP_DECODE_BAD;
    }
    if (g.head_done && parser.http_major != 1) {
        return HTTP_DECODE_BAD;
    }
    if (!g.complete) {
        return !g.head_done && input.size > HTTP_HEAD_MAX ? HTTP_DECODE_TOO_LARGE : HTTP_DECODE_MORE;
    }
    *ret_message = (struct http_message){
        .verb = verb_of(&parser),
        .path = path_of(g.target),
        .keep_alive = http_should_keep_alive(&parser) != 0,
    };
    *ret_consumed = parsed;
    return HTTP_DECODE_DONE;
}

static const char *reason_of(unsigned status) {
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    default:
        return "Unknown";
    }
}

enum larder_error http_encode(struct outbox *out, const struct http_answer *answer) {
    enum larder_error error = buf_printf(
        &out->bytes, "HTTP/1.1 %u %s\r\nContent-Type: %.*s\r\nContent-Length: %zu\r\n%.*s%s\r\n", answer->status,
        reason_of(answer->status), (int)answer->content_type.size, answer->content_type.data, answer->body.size,
        (int)answer->extra.size, answer->extra.data, answer->keep_alive ? "" : "Connection: close\r\n");

    if (error == LARDER_OK && !answer->head_only) {
        error = outbox_append(out, answer->body);
    }
    return error;
}
