/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_BLOB_H
#define LARDER_BASE_BLOB_H

#include <stdatomic.h>
#include <stdbool.h>

/* A shared, immutable piece of memory with a counted reference, so that a slow reader can keep bytes that their table
 * has already given up. Embedded in the object that holds the bytes; `release` frees that object when the last reference
 * goes, on whatever thread that happens. */
struct blob {
    atomic_uint references;
    void (*release)(struct blob *blob);
};

/* One reference, owned by the caller. */
void blob_init(struct blob *blob, void (*release)(struct blob *blob));

/* Adds a reference; the caller must hold one, or a lock under which one is held. */
void blob_ref(struct blob *blob);

/* Gives a reference back; after the last one the blob is gone. */
void blob_unref(struct blob *blob);

/* Gives a reference back without calling `release`: true says that it was the last and that the caller frees the object. */
bool blob_drop(struct blob *blob);

#endif
