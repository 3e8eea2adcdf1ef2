/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http/target.h"

#include <string.h>

#include "base/number.h"

void target_init(struct target *t) {
    *t = (struct target){.failed = false};
    buf_init(&t->text, TARGET_MAX);
}

void target_fini(struct target *t) {
    buf_fini(&t->text);
}

static void append(struct target *t, struct slice s) {
    t->failed = t->failed || buf_append_slice(&t->text, s) != LARDER_OK;
}

static void append_encoded(struct target *t, struct slice s, bool keep_slashes) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};

        if ((keep_slashes && c == '/') || memchr(plain, c, sizeof(plain) - 1) != NULL) {
            append(t, slice_make(s.data + i, 1));
        } else {
            append(t, slice_make(encoded, sizeof(encoded)));
        }
    }
}

void target_begin(struct target *t, struct slice key) {
    t->text.size = 0;
    t->failed = t->queried = false;
    append(t, SLICE("/"));
    append_encoded(t, key, true);
}

void target_append_slash(struct target *t) {
    append(t, SLICE("/"));
}

void target_add_flag(struct target *t, const char *name) {
    append(t, t->queried ? SLICE("&") : SLICE("?"));
    append(t, slice_from_string(name));
    t->queried = true;
}

void target_add(struct target *t, const char *name, struct slice value) {
    target_add_flag(t, name);
    append(t, SLICE("="));
    append_encoded(t, value, false);
}

void target_add_number(struct target *t, const char *name, uint64_t value) {
    char digits[NUMBER_MAX_DIGITS];

    target_add(t, name, slice_make(digits, number_format_u64(value, digits)));
}
