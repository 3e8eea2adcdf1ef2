/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of HTTP/1.1: decoded whole, and again byte by byte as a slow client sends them. Both must agree. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_decode_status decode(const char *data, size_t size, struct http_message *message, size_t *consumed) {
    *consumed = 0;
    return http_decode(slice_make(data, size), message, consumed);
}

static void check_message(const char *data, size_t size, const struct http_message *m, size_t consumed) {
    assert(consumed > 0 && consumed <= size);
    assert(m->path.size <= consumed);
    assert(m->path.size == 0 || (m->path.data >= data && m->path.data + m->path.size <= data + consumed));
    assert(m->path.size == 0 || memchr(m->path.data, '?', m->path.size) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1);
    struct http_message whole;
    struct http_message part;
    size_t consumed;
    size_t consumed_part;
    enum http_decode_status status;

    assert(exact != NULL);
    memcpy(exact, data, size);
    status = decode(exact, size, &whole, &consumed);
    if (status == HTTP_DECODE_DONE) {
        check_message(exact, size, &whole, consumed);
    }
    for (size_t end = 1; end <= size; end++) {
        enum http_decode_status early = decode(exact, end, &part, &consumed_part);

        if (early == HTTP_DECODE_MORE) {
            assert(end < size || status == HTTP_DECODE_MORE);
            continue;
        }
        assert(early == status);
        if (early == HTTP_DECODE_DONE) {
            check_message(exact, end, &part, consumed_part);
            assert(consumed_part == consumed && part.verb == whole.verb && part.keep_alive == whole.keep_alive);
            assert(slice_equal(part.path, whole.path));
        }
        break;
    }
    free(exact);
    return 0;
}
