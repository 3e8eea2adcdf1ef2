/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of a fetch, part of which is a client's key: nothing that is taken can end a line of the request, or a word, or lead
 * to another host than the one in front. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/fetch_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice url, struct slice origin, struct slice target) {
    assert(origin.data == url.data && origin.size + target.size == url.size);
    assert(target.size == 0 || memchr("/?#", target.data[0], 3) != NULL);
    assert(memchr(origin.data, '@', origin.size) == NULL);
    for (size_t i = 0; i < url.size; i++) {
        assert((unsigned char)url.data[i] > ' ' && url.data[i] != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1);
    struct slice url, origin, target;
    struct fetch_field field;

    assert(exact != NULL);
    if (size > 0) {
        memcpy(exact, data, size);
    }
    url = slice_make(exact, size);
    if (fetch_url_split(url, &origin, &target)) {
        check(url, origin, target);
    }
    field = (struct fetch_field){.name = slice_make(exact, size / 2), .value = slice_skip(url, size / 2)};
    if (fetch_field_is_allowed(&field)) {
        assert(memchr(exact, '\n', size) == NULL && memchr(exact, '\r', size) == NULL);
        assert(memchr(field.name.data, ':', field.name.size) == NULL);
    }
    free(exact);
    return 0;
}
