/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/memcached/command.h"
#include "proto/memcached/token.h"

enum { SIZE_AFTER_FLAGS_AND_EXPTIME = 3 };

/* The announced size of a value: the `position`th token. */
static size_t body_size(struct slice rest, unsigned position) {
    struct slice token;
    uint32_t size = 0;

    for (unsigned i = 0; i < position; i++) {
        token_next(&rest, &token);
    }
    return token_u32(token, &size) ? (size_t)size + 2 : 0;
}

bool mc_glance_at(struct slice input, struct mc_glance *ret_glance) {
    const char *newline = input.size > 0 ? memchr(input.data, '\n', input.size) : NULL;
    struct slice line;
    struct slice word;
    struct slice key;

    if (newline == NULL) {
        return false;
    }
    line = slice_make(input.data, (size_t)(newline - input.data));
    ret_glance->size = line.size + 1;
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    if (slice_has_prefix(line, SLICE("get "))) {
        ret_glance->keys = slice_skip(line, 4);
        return true;
    }
    if (!token_next(&line, &word) || !token_next(&line, &key)) {
        return false;
    }
    ret_glance->keys = key;
    if (slice_equal(word, SLICE("set"))) {
        ret_glance->size += body_size(line, SIZE_AFTER_FLAGS_AND_EXPTIME);
    } else if (slice_equal(word, SLICE("ms"))) {
        ret_glance->size += body_size(line, 1);
    }
    return true;
}
