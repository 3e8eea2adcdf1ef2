/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is decoded, and what the strict reader takes the lenient one takes too; any bytes come back through their encoding. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decode(struct slice text) {
    char *out = malloc(text.size + 1);
    size_t size = 0;

    assert(out != NULL);
    if (base64_decode_any(text, out, &size)) {
        assert(size <= text.size / 4 * 3 + 2);
    }
    if (base64_decode(text, out, &size)) {
        char *again = malloc(text.size);
        size_t same = 0;

        assert(again != NULL && base64_decode_any(text, again, &same));
        assert(slice_equal(slice_make(out, size), slice_make(again, same)));
        free(again);
        assert(size <= text.size / 4 * 3 && size + 3 > text.size / 4 * 3);
        assert(base64_encoded_size(size) == text.size);
    }
    free(out);
}

static void check_round_trip(struct slice s) {
    size_t encoded = base64_encoded_size(s.size);
    char *text = malloc(encoded + 1);
    char *out = malloc(encoded + 1);
    size_t size = 0;

    assert(text != NULL && out != NULL);
    base64_encode(s, text);
    if (base64_decode(slice_make(text, encoded), out, &size)) {
        assert(slice_equal(slice_make(out, size), s));
    } else {
        assert(s.size == 0);
    }
    free(text);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1);

    assert(exact != NULL);
    memcpy(exact, data, size);
    check_decode(slice_make(exact, size));
    check_round_trip(slice_make(exact, size));
    free(exact);
    return 0;
}
