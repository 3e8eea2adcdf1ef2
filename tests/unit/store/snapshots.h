/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_SNAPSHOTS_H
#define LARDER_TESTS_STORE_SNAPSHOTS_H

#include "harness.h"

/* A snapshot in memory. */
struct image {
    char *bytes;
    size_t size;
};

/* Reads the rest in pieces of up to `piece` bytes. */
static inline void image_take(struct store_snapshot *snapshot, size_t piece, struct image *ret_image) {
    uint64_t size = store_snapshot_size(snapshot);
    size_t count;

    *ret_image = (struct image){.bytes = malloc(size + 1)};
    assert_non_null(ret_image->bytes);
    do {
        size_t room = size + 1 - ret_image->size;

        assert_int_equal(
            store_snapshot_read(snapshot, ret_image->bytes + ret_image->size, room < piece ? room : piece, &count),
            STORE_OK);
        ret_image->size += count;
        assert_int_equal(store_snapshot_size(snapshot), size - ret_image->size);
    } while (count > 0);
    assert_int_equal(ret_image->size, size);
}

static inline struct store_snapshot *snapshot_open(struct place *p) {
    enum store_status status;
    struct store_snapshot *snapshot = store_snapshot_open(p->store, &status);

    assert_int_equal(status, STORE_OK);
    assert_non_null(snapshot);
    return snapshot;
}

static inline void image_of(struct place *p, struct image *ret_image) {
    struct store_snapshot *snapshot = snapshot_open(p);

    image_take(snapshot, SIZE_MAX, ret_image);
    store_snapshot_close(snapshot);
}

/* Writes a part of it to a file. */
static inline void image_write(const struct image *image, size_t size, const char *file) {
    FILE *to = fopen(file, "wb");

    assert_non_null(to);
    assert_int_equal(fwrite(image->bytes, 1, size, to), size);
    assert_int_equal(fclose(to), 0);
}

static inline void image_free(struct image *image) {
    free(image->bytes);
}

#endif
