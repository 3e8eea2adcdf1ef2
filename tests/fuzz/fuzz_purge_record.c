/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the store under a purge's key. Whoever can write there must not break a node. A prefix that was read is the same
 * after it was written and read again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/purge_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char place[PURGE_PREFIX_ROOM], again_place[PURGE_PREFIX_ROOM];
    char *value = malloc(size + 1); /* where ASan sees both ends of it */
    struct slice prefix, again;
    struct buf out;

    assert(value != NULL);
    if (size > 0) {
        memcpy(value, data, size);
    }
    prefix = purge_record_read(slice_make(value, size), place);
    assert(prefix.size <= REQUEST_KEY_MAX);
    buf_init(&out, 1024);
    assert(purge_record_write(SLICE("id"), prefix, &out) == LARDER_OK);
    again = purge_record_read(buf_slice(&out), again_place);
    assert(slice_equal(prefix, again));
    buf_fini(&out);
    free(value);
    return 0;
}
