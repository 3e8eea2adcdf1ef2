/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/purge_record.h"

#include <assert.h>
#include <string.h>

#include "base/base64.h"
#include "base/number.h"

/* The next word, and what is behind the space that ends it. */
static struct slice cut_word(struct slice *rest) {
    const char *space = rest->size > 0 ? memchr(rest->data, ' ', rest->size) : NULL;
    struct slice word = *rest;

    if (space == NULL) {
        *rest = slice_skip(*rest, rest->size);
        return word;
    }
    word.size = (size_t)(space - word.data);
    *rest = slice_skip(*rest, word.size + 1);
    return word;
}

struct slice purge_record_read(struct slice value, char place[PURGE_PREFIX_ROOM]) {
    uint64_t version;
    size_t size;

    (void)cut_word(&value);
    if (!number_parse_u64(cut_word(&value), &version) || version != PURGE_RECORD_VERSION ||
        value.size > PURGE_PREFIX_ROOM || !base64_decode(value, place, &size) || size > REQUEST_KEY_MAX) {
        return slice_make(place, 0);
    }
    return slice_make(place, size);
}

enum larder_error purge_record_write(struct slice id, struct slice prefix, struct buf *out) {
    char text[PURGE_PREFIX_ROOM];

    assert(prefix.size <= REQUEST_KEY_MAX);
    if (prefix.size == 0) {
        return buf_append_slice(out, id);
    }
    base64_encode(prefix, text);
    return buf_printf(out, "%.*s %d %.*s", (int)id.size, id.data, (int)PURGE_RECORD_VERSION,
                      (int)base64_encoded_size(prefix.size), text);
}
