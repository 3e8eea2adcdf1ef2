/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define LINE_MAX_BYTES 256

static bool add_line(struct load *load, const char *line) {
    uint32_t version, size;
    uint64_t time, lbn;
    char op[3];
    int end = 0;
    int fields = sscanf(line, "%" SCNu32 ",%" SCNu64 ",%2[0-9a-fA-F],%" SCNu32 ",%" SCNu64 "%n", &version, &time, op,
                        &size, &lbn, &end);
    if (fields != 5 || line[end + (int)strspn(line + end, "\r\n")] != '\0') {
        return false;
    }
    load_add(load, lbn, size, !strcmp(op, "2a") || !strcmp(op, "2A"));
    return true;
}

static bool read_lines(gzFile file, const char *path, struct load *load) {
    char line[LINE_MAX_BYTES];
    for (unsigned number = 1; gzgets(file, line, sizeof(line)); number++) {
        if (number == 1 && !strncmp(line, "version", strlen("version"))) {
            continue;
        }
        if (!add_line(load, line)) {
            fprintf(stderr, "%s:%u: not a line of version,time,op,size,lbn\n", path, number);
            return false;
        }
    }
    int code;
    const char *message = gzerror(file, &code);
    if (code != Z_OK && code != Z_STREAM_END) {
        fprintf(stderr, "%s: %s\n", path, code == Z_ERRNO ? strerror(errno) : message);
        return false;
    }
    if (!load->count) {
        fprintf(stderr, "%s: no requests\n", path);
        return false;
    }
    return true;
}

bool trace_read(const char *path, bool unit_sizes, struct load *ret_load) {
    gzFile file = gzopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    struct load load;
    load_init(&load, unit_sizes ? "trace" : "trace-bytes", unit_sizes);
    bool ok = read_lines(file, path, &load);
    gzclose(file);
    if (!ok) {
        load_fini(&load);
        return false;
    }
    load_finish(&load);
    *ret_load = load;
    return true;
}
