/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_BASE64_H
#define LARDER_BASE_BASE64_H

#include <stdbool.h>

#include "base/slice.h"

/* Base64 (RFC 4648, section 4), padded. */

/* Bytes that `size` bytes become. */
static inline size_t base64_encoded_size(size_t size) {
    return (size + 2) / 3 * 4;
}

/* Decodes into `out`, which has room for text.size bytes. Only whole, padded groups of the alphabet are taken. False:
 * anything else, or nothing. */
bool base64_decode(struct slice text, char *out, size_t *ret_size);

/* The same, but as a lenient reader takes it: the alphabet for URLs (section 5) too, without padding too, with line breaks
 * anywhere, and nothing for nothing. Padding that is there must be right. */
bool base64_decode_any(struct slice text, char *out, size_t *ret_size);

/* Writes base64_encoded_size(s.size) bytes to `out`, no NUL. */
void base64_encode(struct slice s, char *out);

#endif
