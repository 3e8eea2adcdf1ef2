/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/encode.h"

#include <string.h>

#include "base/number.h"
#include "base/slice.h"

enum { WORDS_MAX = 80 /* of a request, with its sizes and CRLFs, but without keys, host and value */ };

size_t encode_max(const struct encoder *e, size_t keys, size_t value_size) {
    return WORDS_MAX + keys * (e->prefix.size + e->key_size + 1) + e->host.size + value_size + NUMBER_MAX_DIGITS;
}

static char *put(char *at, struct slice text) {
    memcpy(at, text.data, text.size);
    return at + text.size;
}

char *encode_key(const struct encoder *e, char *at, uint64_t key) {
    char *digit = put(at, e->prefix) + e->key_size;
    char *first = digit - e->key_size;
    char *end = digit;

    while (digit > first && key > 0) {
        *--digit = (char)('0' + key % 10);
        key /= 10;
    }
    while (digit > first) {
        *--digit = '0';
    }
    return end;
}

/* "GET /key HTTP/1.1", and what is the same in every request. */
static char *encode_http_head(const struct encoder *e, char *at, struct slice method, uint64_t key) {
    at = put(at, method);
    at = encode_key(e, at, key);
    at = put(at, SLICE(" HTTP/1.1\r\nHost: "));
    at = put(at, e->host);
    return put(at, SLICE("\r\n"));
}

static char *encode_http_put(const struct encoder *e, char *at, uint64_t key, uint32_t value_size) {
    at = encode_http_head(e, at, SLICE("PUT /"), key);
    at = put(at, SLICE("Content-Length: "));
    at += number_format_u64(value_size, at);
    at = put(at, SLICE("\r\n\r\n"));
    return put(at, slice_make(e->value, value_size));
}

char *encode_get(const struct encoder *e, char *at, uint64_t key) {
    if (e->protocol == BENCH_HTTP) {
        return put(encode_http_head(e, at, SLICE("GET /"), key), SLICE("\r\n"));
    }
    at = put(at, e->protocol == BENCH_META ? SLICE("mg ") : SLICE("get "));
    at = encode_key(e, at, key);
    return put(at, e->protocol == BENCH_META ? SLICE(" v\r\n") : SLICE("\r\n"));
}

char *encode_get_many(const struct encoder *e, char *at, const uint64_t *keys, size_t count) {
    at = put(at, SLICE("get"));
    for (size_t i = 0; i < count; i++) {
        *at++ = ' ';
        at = encode_key(e, at, keys[i]);
    }
    return put(at, SLICE("\r\n"));
}

char *encode_set(const struct encoder *e, char *at, uint64_t key, uint32_t value_size) {
    if (e->protocol == BENCH_HTTP) {
        return encode_http_put(e, at, key, value_size);
    }
    at = put(at, e->protocol == BENCH_META ? SLICE("ms ") : SLICE("set "));
    at = encode_key(e, at, key);
    at = put(at, e->protocol == BENCH_META ? SLICE(" ") : SLICE(" 0 0 "));
    at += number_format_u64(value_size, at);
    at = put(at, SLICE("\r\n"));
    at = put(at, slice_make(e->value, value_size));
    return put(at, SLICE("\r\n"));
}
