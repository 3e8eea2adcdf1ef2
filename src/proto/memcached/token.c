/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/token.h"

#include "base/clock.h"
#include "base/number.h"
#include "model/request.h"

enum { RELATIVE_TTL_MAX = 30 * 24 * 3600 };

bool token_next(struct slice *line, struct slice *ret_token) {
    const char *at = line->data;
    const char *end = line->data + line->size;
    const char *start;

    while (at < end && *at == ' ') {
        at++;
    }
    start = at;
    while (at < end && *at != ' ') {
        at++;
    }
    *line = slice_make(at, (size_t)(end - at));
    *ret_token = slice_make(start, (size_t)(at - start));
    return at > start;
}

bool token_can_hold(struct slice bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        if (c <= ' ' || c == 0x7f) {
            return false;
        }
    }
    return true;
}

unsigned token_count(struct slice line, unsigned max) {
    struct slice token;
    unsigned count = 0;

    while (count < max && token_next(&line, &token)) {
        count++;
    }
    return count;
}

bool token_u64(struct slice token, uint64_t *ret_number) {
    return number_parse_u64(token, ret_number);
}

bool token_u32(struct slice token, uint32_t *ret_number) {
    uint64_t number;

    if (!number_parse_u64(token, &number) || number > UINT32_MAX) {
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

bool token_ttl(struct slice token, int64_t *ret_ttl) {
    int64_t exptime;

    if (!number_parse_i64(token, &exptime)) {
        return false;
    }
    if (exptime > RELATIVE_TTL_MAX) {
        exptime -= clock_wall_ns() / CLOCK_NS_PER_S;
        if (exptime <= 0) {
            exptime = -1;
        }
    }
    *ret_ttl = exptime;
    return true;
}
