/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of HTTP that the load generator reads: in one piece, and again byte by byte. Both must see the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/http_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was seen, mixed into a number. */
struct seen {
    uint64_t mixed;
    uint64_t bytes; /* of bodies */
};

static void mix(struct seen *seen, const void *data, size_t size) {
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++) {
        seen->mixed = (seen->mixed ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
}

static enum larder_error note(void *ctx, const struct http_answer *answer) {
    struct seen *seen = ctx;

    assert(answer->status >= 200 && answer->status <= 999);
    assert(answer->body.size <= HTTP_SCAN_BODY_KEPT && answer->body.size <= answer->body_size);
    seen->bytes += answer->body_size;
    mix(seen, &answer->status, sizeof(answer->status));
    mix(seen, &answer->closes, sizeof(answer->closes));
    mix(seen, &answer->body_size, sizeof(answer->body_size));
    mix(seen, answer->body.data, answer->body.size);
    return LARDER_OK;
}

static enum larder_error scan(const char *data, size_t size, size_t step, struct seen *ret_seen) {
    enum larder_error error = LARDER_OK;
    struct http_scanner scanner;

    *ret_seen = (struct seen){.mixed = 0};
    http_scan_init(&scanner);
    for (size_t at = 0; at < size && error == LARDER_OK; at += step) {
        size_t piece = size - at < step ? size - at : step;
        char *exact = malloc(piece);

        assert(exact != NULL);
        memcpy(exact, data + at, piece);
        error = http_scan_feed(&scanner, exact, piece, note, ret_seen);
        free(exact);
    }
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct seen whole, bytes;
    enum larder_error error = scan((const char *)data, size, size + 1, &whole);

    assert(scan((const char *)data, size, 1, &bytes) == error);
    assert(whole.mixed == bytes.mixed && whole.bytes == bytes.bytes && whole.bytes <= size);
    return 0;
}
