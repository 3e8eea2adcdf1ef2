/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value_input.h"

#include <errno.h>
#include <string.h>

static bool complain(const char *program, const char *name, const char *reason) {
    fprintf(stderr, "%s: cannot read %s: %s\n", program, name, reason);
    return false;
}

static bool append(const char *program, const char *name, const void *data, size_t size, struct buf *value) {
    if (buf_append(value, data, size) == LARDER_OK) {
        return true;
    }
    fprintf(stderr, "%s: %s is larger than the %zu MiB that this tool sends\n", program, name, value->limit >> 20);
    return false;
}

static bool read_all(const char *program, FILE *file, const char *name, struct buf *value) {
    char piece[65536];
    size_t got;

    while ((got = fread(piece, 1, sizeof(piece), file)) > 0) {
        if (!append(program, name, piece, got, value)) {
            return false;
        }
    }
    return ferror(file) == 0 || complain(program, name, strerror(errno));
}

bool value_from_word(const char *program, const char *word, struct buf *value) {
    return append(program, "VALUE", word, strlen(word), value);
}

bool value_from_stdin(const char *program, struct buf *value) {
    return read_all(program, stdin, "standard input", value);
}

bool value_from_file(const char *program, const char *path, struct buf *value) {
    FILE *file = fopen(path, "rb");
    bool read;

    if (file == NULL) {
        return complain(program, path, strerror(errno));
    }
    read = read_all(program, file, path, value);
    fclose(file);
    return read;
}
