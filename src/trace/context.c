/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/context.h"

#include <assert.h>
#include <stdint.h>

enum { VERSION_AT = 0, TRACE_ID_AT = 3, SPAN_ID_AT = 36, FLAGS_AT = 53, VERSION_FORBIDDEN = 0xff };

static bool is_all_zero(const uint8_t *bytes, size_t size) {
    uint8_t any = 0;

    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

bool trace_context_is_valid(const struct trace_context *context) {
    return !is_all_zero(context->trace_id, TRACE_ID_SIZE) && !is_all_zero(context->span_id, TRACE_SPAN_ID_SIZE);
}

/* Upper case is refused: section 3.2.2. */
static bool hex_digit(char c, uint8_t *ret_digit) {
    if (c >= '0' && c <= '9') {
        *ret_digit = (uint8_t)(c - '0');
        return true;
    }
    if (c >= 'a' && c <= 'f') {
        *ret_digit = (uint8_t)(c - 'a' + 10);
        return true;
    }
    return false;
}

static bool read_hex(const char *text, uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t high, low;

        if (!hex_digit(text[2 * i], &high) || !hex_digit(text[2 * i + 1], &low)) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool trace_parent_parse(struct slice text, struct trace_context *ret_context) {
    struct trace_context context;
    uint8_t version;

    if (text.size < TRACE_PARENT_SIZE || !read_hex(text.data + VERSION_AT, &version, 1) ||
        version == VERSION_FORBIDDEN || text.data[TRACE_ID_AT - 1] != '-' || text.data[SPAN_ID_AT - 1] != '-' ||
        text.data[FLAGS_AT - 1] != '-') {
        return false;
    }
    if (text.size > TRACE_PARENT_SIZE && (version == 0 || text.data[TRACE_PARENT_SIZE] != '-')) {
        return false;
    }
    if (!read_hex(text.data + TRACE_ID_AT, context.trace_id, TRACE_ID_SIZE) ||
        !read_hex(text.data + SPAN_ID_AT, context.span_id, TRACE_SPAN_ID_SIZE) ||
        !read_hex(text.data + FLAGS_AT, &context.flags, 1) || !trace_context_is_valid(&context)) {
        return false;
    }
    context.flags &= TRACE_FLAG_SAMPLED;
    *ret_context = context;
    return true;
}

static char *write_hex(char *to, const uint8_t *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 0x0f];
    }
    return to;
}

const char *trace_parent_write(const struct trace_context *context, char ret_text[TRACE_PARENT_TEXT_MAX]) {
    char *to = ret_text;
    uint8_t flags = context->flags & TRACE_FLAG_SAMPLED;

    *to++ = '0';
    *to++ = '0';
    *to++ = '-';
    to = write_hex(to, context->trace_id, TRACE_ID_SIZE);
    *to++ = '-';
    to = write_hex(to, context->span_id, TRACE_SPAN_ID_SIZE);
    *to++ = '-';
    to = write_hex(to, &flags, 1);
    *to = '\0';
    assert(to - ret_text == TRACE_PARENT_SIZE);
    return ret_text;
}
