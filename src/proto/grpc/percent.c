/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/percent.h"

size_t grpc_percent_encode(struct slice text, char *ret_encoded) {
    static const char digits[] = "0123456789ABCDEF";
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
            ret_encoded[size++] = (char)byte;
        } else {
            ret_encoded[size++] = '%';
            ret_encoded[size++] = digits[byte >> 4];
            ret_encoded[size++] = digits[byte & 15];
        }
    }
    return size;
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t grpc_percent_decode(struct slice encoded, char *ret_text) {
    size_t size = 0;

    for (size_t i = 0; i < encoded.size; i++) {
        int high = encoded.data[i] == '%' && i + 2 < encoded.size ? digit_value(encoded.data[i + 1]) : -1;
        int low = high >= 0 ? digit_value(encoded.data[i + 2]) : -1;

        if (low >= 0) {
            ret_text[size++] = (char)(high << 4 | low);
            i += 2;
        } else {
            ret_text[size++] = encoded.data[i];
        }
    }
    return size;
}
