/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of etcd's API as JSON: the first byte says which, the rest is the text. What is read is written and read again,
 * and must be the same; and what is JSON at all, jansson says the same about. */
#include <jansson.h>

#include "base/json_scan.h"
#include "etcd_types.h"

enum { DEPTH = 2000 /* jansson's limit is a little above */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_json(struct slice text) {
    struct json_scanner s = json_scan(text);
    struct slice raw;

    return json_skip(&s, json_next(&s, &raw), DEPTH) && json_next(&s, &raw) == JSON_TOKEN_END && s.at == s.end;
}

/* Numbers too large for a double, names with a NUL and deep nesting are refused by jansson alone, and it passes over a NUL
 * behind a number. */
static void check_scanner(struct slice text) {
    json_error_t error = {0};
    json_t *value =
        json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    bool known = value != NULL || (json_error_code(&error) != json_error_numeric_overflow &&
                                   json_error_code(&error) != json_error_null_byte_in_key &&
                                   json_error_code(&error) != json_error_stack_overflow);

    known = known && text.size <= DEPTH && (text.size == 0 || memchr(text.data, 0, text.size) == NULL);
    assert(!known || is_json(text) == (value != NULL));
    json_decref(value);
}

static void check_message(const ProtobufCMessageDescriptor *type, struct slice text) {
    const ProtobufCMessage *message, *again;
    struct arena arena;
    struct buf why;

    arena_init(&arena, SIZE_MAX / 2);
    buf_init(&why, 1000);
    message = etcd_message_from_json(type, text, &arena, &why);
    assert((message == NULL) == (why.size > 0));
    if (message != NULL) {
        struct slice json = etcd_json(message, &arena);

        check_scanner(json);
        again = etcd_message_from_json(type, json, &arena, &why);
        assert(again != NULL && slice_equal(etcd_json(again, &arena), json));
        assert(slice_equal(etcd_packed(again, &arena), etcd_packed(message, &arena)));
    }
    arena_fini(&arena);
    buf_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact;

    if (size == 0) {
        return 0;
    }
    exact = malloc(size);
    assert(exact != NULL);
    memcpy(exact, data + 1, size - 1);
    check_scanner(slice_make(exact, size - 1));
    check_message(etcd_type(data[0]), slice_make(exact, size - 1));
    free(exact);
    return 0;
}
