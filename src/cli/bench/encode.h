/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ENCODE_H
#define LARDER_CLI_BENCH_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "cli/bench/config.h"

/* Writes requests as bytes, with as little work per request as there can be. */
struct encoder {
    enum bench_protocol protocol;
    size_t key_size;
    struct slice prefix; /* borrowed, as the rest; stands before the number of each key */
    struct slice host;   /* HTTP: the field Host */
    const char *value;   /* the bytes all values are made of */
};

/* Bytes of the longest request of `keys` keys or of a value of `value_size` bytes. */
size_t encode_max(const struct encoder *e, size_t keys, size_t value_size);

/* Each writes at `at`, where encode_max bytes have room, and returns the end of what was written. */
char *encode_get(const struct encoder *e, char *at, uint64_t key);
/* The text protocol's alone. */
char *encode_get_many(const struct encoder *e, char *at, const uint64_t *keys, size_t count);
char *encode_set(const struct encoder *e, char *at, uint64_t key, uint32_t value_size);

/* The key's text: the prefix, and the number in key_size digits. */
char *encode_key(const struct encoder *e, char *at, uint64_t key);

#endif
