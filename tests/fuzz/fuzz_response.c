/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answers, as the client reads it: one answer after the other, and each again from
 * every beginning of it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/memcached/response.h"

enum { MAX_VALUE = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_within(struct slice s, const char *data, size_t size) {
    return s.size == 0 || (s.data >= data && s.size <= size && s.data + s.size <= data + size);
}

static void check_answer(const struct mc_response *r, const char *data, size_t size) {
    struct slice token;

    assert(lies_within(r->key, data, size) && lies_within(r->value, data, size));
    assert(lies_within(r->flags, data, size) && lies_within(r->text, data, size));
    assert(r->value.size <= MAX_VALUE && (r->value.size == 0 || r->value.size == r->value_size));
    for (int flag = 0; flag < 128; flag++) {
        if (mc_response_flag(r, (char)flag, &token)) {
            assert(lies_within(token, data, size));
        }
    }
}

/* An answer that is cut short asks for more, and never for more than there is. */
static void check_beginnings(const char *data, size_t size) {
    for (size_t end = 0; end < size; end++) {
        struct mc_response response;
        size_t wanted;
        char *exact = malloc(end + 1);

        assert(exact != NULL);
        memcpy(exact + 1, data, end);
        assert(mc_response_decode(slice_make(exact + 1, end), MAX_VALUE, &response, &wanted) == LARDER_OK);
        assert(wanted > end && wanted <= size);
        free(exact);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1);
    size_t at = 0;
    int answers = 0;

    assert(exact != NULL);
    memcpy(exact + 1, data, size);
    while (at < size) {
        struct mc_response response;
        size_t used;
        struct slice rest = slice_make(exact + 1 + at, size - at);
        enum larder_error error = mc_response_decode(rest, MAX_VALUE, &response, &used);

        if (error != LARDER_OK || used > size - at) {
            assert(error != LARDER_OK || used > 0);
            break;
        }
        assert(used > 0);
        check_answer(&response, exact + 1 + at, used);
        if (++answers <= 3) {
            check_beginnings(exact + 1 + at, used);
        }
        at += used;
    }
    free(exact);
    return 0;
}
