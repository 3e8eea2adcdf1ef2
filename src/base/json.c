/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdint.h>

#include "base/base64.h"
#include "base/utf8.h"

enum { ESCAPE_MAX = 6 /* "\u001f" */ };

static bool needs_escape(char c) {
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

/* Writes the escaped character, without a NUL; returns its bytes. */
static size_t escape(unsigned char c, char text[ESCAPE_MAX]) {
    static const char digits[] = "0123456789abcdef";
    static const char letters[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    text[0] = '\\';
    if (c >= 0x20 || letters[c] != 0) {
        text[1] = c >= 0x20 ? (char)c : letters[c];
        return 2;
    }
    memcpy(text + 1, "u00", 3);
    text[4] = digits[c >> 4];
    text[5] = digits[c & 15];
    return ESCAPE_MAX;
}

enum larder_error json_append_string(struct buf *out, struct slice s) {
    enum larder_error error = buf_append(out, "\"", 1);
    size_t plain = 0; /* where what is not yet written begins */

    for (size_t i = 0; i < s.size && error == LARDER_OK; i++) {
        if (needs_escape(s.data[i])) {
            char text[ESCAPE_MAX];
            size_t size = escape((unsigned char)s.data[i], text);

            error = buf_append(out, s.data + plain, i - plain);
            if (error == LARDER_OK) {
                error = buf_append(out, text, size);
            }
            plain = i + 1;
        }
    }
    if (error == LARDER_OK && plain < s.size) {
        error = buf_append(out, s.data + plain, s.size - plain);
    }
    return error == LARDER_OK ? buf_append(out, "\"", 1) : error;
}

enum larder_error json_append_base64(struct buf *out, struct slice bytes) {
    size_t size = base64_encoded_size(bytes.size);
    enum larder_error error = buf_reserve(out, size + 2);

    if (error == LARDER_OK) {
        out->data[out->size] = '"';
        base64_encode(bytes, out->data + out->size + 1);
        out->data[out->size + 1 + size] = '"';
        out->size += size + 2;
    }
    return error;
}

enum larder_error json_append_member(struct buf *out, struct slice name, struct slice bytes) {
    bool plain = utf8_is_valid(bytes);
    enum larder_error error = buf_printf(out, "\"%.*s\":", (int)name.size, name.data);

    if (error == LARDER_OK) {
        error = plain ? json_append_string(out, bytes) : json_append_base64(out, bytes);
    }
    if (error == LARDER_OK && !plain) {
        error = buf_printf(out, ",\"%.*s_encoding\":\"base64\"", (int)name.size, name.data);
    }
    return error;
}
