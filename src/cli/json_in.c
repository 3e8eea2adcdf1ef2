/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_in.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"

static bool is_base64(const json_t *object, const char *name) {
    char encoding[64];
    const char *told;

    snprintf(encoding, sizeof(encoding), "%s_encoding", name);
    told = json_string_value(json_object_get(object, encoding));
    return told != NULL && strcmp(told, "base64") == 0;
}

static bool decode(struct slice text, struct buf *place, struct slice *ret_bytes) {
    place->size = 0;
    if (text.size == 0) {
        *ret_bytes = text;
        return true;
    }
    if (buf_reserve(place, text.size) != LARDER_OK || !base64_decode(text, place->data, &place->size)) {
        return false;
    }
    *ret_bytes = buf_slice(place);
    return true;
}

bool json_get_bytes(const json_t *object, const char *name, struct buf *place, struct slice *ret_bytes) {
    const json_t *string = json_object_get(object, name);
    struct slice text;

    if (!json_is_string(string)) {
        return false;
    }
    text = slice_make(json_string_value(string), json_string_length(string));
    if (is_base64(object, name)) {
        return decode(text, place, ret_bytes);
    }
    *ret_bytes = text;
    return true;
}

uint64_t json_get_number(const json_t *object, const char *name) {
    json_int_t number = json_integer_value(json_object_get(object, name));

    return number < 0 ? 0 : (uint64_t)number;
}
