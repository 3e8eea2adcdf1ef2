/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blob.h"

#include <assert.h>

void blob_init(struct blob *blob, void (*release)(struct blob *blob)) {
    atomic_init(&blob->references, 1);
    blob->release = release;
}

void blob_ref(struct blob *blob) {
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
}

bool blob_drop(struct blob *blob) {
    unsigned before = atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel);

    assert(before > 0);
    return before == 1;
}

void blob_unref(struct blob *blob) {
    if (blob_drop(blob)) {
        blob->release(blob);
    }
}
