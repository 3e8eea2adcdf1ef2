/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_http.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum { FAULT_EVERY = 50 };

bool toy_http_is(struct slice in) {
    return slice_has_prefix(in, SLICE("GET /")) || slice_has_prefix(in, SLICE("PUT /")) ||
           slice_has_prefix(in, SLICE("DELETE /"));
}

static struct toy_path *find(struct toy_http *http, struct slice path) {
    size_t at = 0;

    for (size_t i = 0; i < path.size; i++) {
        at = at * 31 + (unsigned char)path.data[i];
    }
    while (true) {
        struct toy_path *p = &http->paths[at++ % TOY_PATHS];

        if (p->path[0] == '\0') {
            memcpy(p->path, path.data, path.size);
        }
        if (slice_equal(slice_from_string(p->path), path)) {
            return p;
        }
    }
}

static void answer_body(struct buf *out, const char *body, size_t size) {
    buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    buf_append(out, body, size < TOY_BODY_MAX ? size : TOY_BODY_MAX);
    for (size_t i = TOY_BODY_MAX; i < size; i++) {
        buf_append(out, "v", 1);
    }
}

static void answer_get(struct toy_http *http, const struct toy_path *p, struct buf *out) {
    bool at_fault = ++http->reads % FAULT_EVERY == 0;
    size_t size = p->size;
    const char *body = p->body;

    http->gets += strcmp(p->path, "/healthz") != 0; /* that is only whether anybody is there */
    if (http->fault == TOY_HTTP_STALE && at_fault && p->previous_size > 0) {
        size = p->previous_size;
        body = p->previous;
    }
    if (http->fault == TOY_HTTP_FORGETS && at_fault) {
        size = 0;
    }
    if (http->fault == TOY_HTTP_FAILS && at_fault) {
        buf_append_slice(out, SLICE("HTTP/1.1 503 No\r\nContent-Length: 8\r\n\r\nno \033room"));
    } else if (http->fault == TOY_HTTP_FOREIGN && at_fault) {
        buf_append_slice(out, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    } else if (size == 0) {
        buf_append_slice(out, SLICE("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"));
    } else {
        answer_body(out, body, size - 1 + (http->fault == TOY_WRONG_SIZE));
    }
}

static void keep_previous(struct toy_path *p) {
    memcpy(p->previous, p->body, sizeof(p->body));
    p->previous_size = p->size;
}

static void answer_put(struct toy_http *http, struct toy_path *p, struct slice body, struct buf *out) {
    http->puts++;
    if (http->fault == TOY_REFUSES) {
        buf_append_slice(out, SLICE("HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\n\r\nno room"));
        return;
    }
    if (http->fault == TOY_HTTP_CHUNKS) {
        buf_append_slice(out, SLICE("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
    } else {
        buf_append_slice(out, SLICE("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nETag: \"1\"\r\n\r\n"));
    }
    keep_previous(p);
    memcpy(p->body, body.data, body.size < TOY_BODY_MAX ? body.size : TOY_BODY_MAX);
    p->size = body.size + 1;
}

static void answer_delete(struct toy_http *http, struct toy_path *p, struct buf *out) {
    http->deletes++;
    if (p->size == 0 || http->fault == TOY_HTTP_LOSES) {
        p->size = 0;
        buf_append_slice(out, SLICE("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"));
        return;
    }
    keep_previous(p);
    p->size = http->fault == TOY_HTTP_KEEPS_DELETED ? p->size : 0;
    buf_append_slice(out, SLICE("HTTP/1.1 204 No Content\r\n\r\n"));
}

static size_t content_length(struct slice head) {
    static const char name[] = "Content-Length: ";
    const char *at = memmem(head.data, head.size, name, sizeof(name) - 1);
    uint64_t number = 0;

    if (at != NULL) {
        at += sizeof(name) - 1;
        if (!number_parse_u64(slice_make(at, strcspn(at, "\r")), &number)) {
            abort();
        }
    }
    return (size_t)number;
}

size_t toy_http_answer(struct toy_http *http, struct slice in, struct buf *out) {
    const char *end = memmem(in.data, in.size, "\r\n\r\n", 4);
    size_t head = end == NULL ? 0 : (size_t)(end - in.data) + 4;
    size_t body = end == NULL ? 0 : content_length(slice_make(in.data, head));
    const char *path = memchr(in.data, '/', in.size);
    struct toy_path *p;

    if (end == NULL || in.size < head + body) {
        return 0;
    }
    p = find(http, slice_make(path, strcspn(path, "? ")));
    if (in.data[0] == 'G') {
        answer_get(http, p, out);
    } else if (in.data[0] == 'P') {
        answer_put(http, p, slice_make(in.data + head, body), out);
    } else {
        answer_delete(http, p, out);
    }
    return head + body;
}
