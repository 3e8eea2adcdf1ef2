/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"

static void need(bool done) {
    if (!done) {
        fputs("larder: out of memory\n", stderr);
        abort();
    }
}

void json_set(json_t *object, const char *name, json_t *value) {
    need(json_object_set_new(object, name, value) == 0);
}

void json_set_bytes(json_t *object, const char *name, struct slice bytes) {
    json_t *plain = json_stringn(bytes.size == 0 ? "" : bytes.data, bytes.size);
    char encoding[64];
    size_t size = base64_encoded_size(bytes.size);
    char *encoded;

    if (plain != NULL) {
        json_set(object, name, plain);
        return;
    }
    encoded = malloc(size);
    need(encoded != NULL);
    base64_encode(bytes, encoded);
    json_set(object, name, json_stringn(encoded, size));
    free(encoded);
    snprintf(encoding, sizeof(encoding), "%s_encoding", name);
    json_set(object, encoding, json_string("base64"));
}

void json_print_line(json_t *value) {
    need(value != NULL && json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0);
    putchar('\n');
    json_decref(value);
}
