/* SPDX-License-Identifier: Apache-2.0 */
/* The path by which a pool of groupcache asks for a key: what is read can be written, and is then read as the same; what is
 * written has nothing in it that a line of a request has a meaning for. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/groupcache/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(struct slice group, struct slice key) {
    enum larder_error error;
    struct slice group_again, key_again;
    struct buf out;
    char *place;

    buf_init(&out, SIZE_MAX / 2);
    error = groupcache_path_write(group, key, &out);
    if (group.size == 0 || memchr(group.data, '/', group.size) != NULL) {
        assert(error == LARDER_ERROR_INVALID && out.size == 0);
        buf_fini(&out);
        return;
    }
    assert(error == LARDER_OK);
    for (size_t i = 0; i < out.size; i++) {
        assert(out.data[i] > ' ' && out.data[i] != 0x7f && strchr("+?#", out.data[i]) == NULL);
    }
    place = malloc(out.size);
    assert(place != NULL && groupcache_path_read(buf_slice(&out), place, &group_again, &key_again));
    assert(slice_equal(group, group_again) && slice_equal(key, key_again));
    free(place);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1);
    char *place = malloc(size + 1);
    struct slice group, key;

    assert(exact != NULL && place != NULL);
    if (size > 0) {
        memcpy(exact, data, size);
    }
    if (groupcache_path_read(slice_make(exact, size), place, &group, &key)) {
        assert(group.size + key.size + sizeof(GROUPCACHE_BASE_PATH) <= size);
        check_written(group, key);
    }
    check_written(slice_make(exact, size / 4), slice_make(exact + size / 4, size - size / 4));
    free(place);
    free(exact);
    return 0;
}
