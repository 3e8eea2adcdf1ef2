/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TRACE_H
#define LARDER_CLI_BENCH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One recorded request. */
struct trace_entry {
    uint64_t key;
    uint32_t size;
    bool is_write;
};

struct trace {
    struct trace_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t key_max;
    uint32_t size_max;
};

/* Reads a CSV file, plain or gzipped, with the columns version,time,op,size,lbn and perhaps a heading: op 28 is a
 * read, 2a a write. Sizes are divided by `scale` and cut to `max`, but are at least 1. The trace is freed with
 * trace_fini. Errors: NOT_FOUND (the file cannot be read), INVALID (*ret_line says where), NO_MEMORY. */
enum larder_error trace_load(const char *path, uint64_t scale, uint64_t max, struct trace *ret_trace, size_t *ret_line);

void trace_fini(struct trace *trace);

#endif
