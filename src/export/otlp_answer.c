/* SPDX-License-Identifier: Apache-2.0 */
#include "export/otlp_answer.h"

#include "base/utf8.h"
#include "proto/protobuf_read.h"

enum {
    ANSWER_PARTIAL_SUCCESS = 1, /* Export...ServiceResponse */
    PARTIAL_REJECTED = 1,       /* Export...PartialSuccess */
    PARTIAL_MESSAGE = 2,
};

/* Nothing of it may break a line of a log, or a character in two. */
static void take_message(struct slice text, char ret_message[OTLP_MESSAGE_MAX]) {
    size_t size = text.size < OTLP_MESSAGE_MAX ? text.size : OTLP_MESSAGE_MAX - 1;
    bool is_text;

    while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    is_text = utf8_is_valid(slice_make(text.data, size));
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        ret_message[i] = c < ' ' || c == 0x7f || (c > 0x7f && !is_text) ? '?' : (char)c;
    }
    ret_message[size] = '\0';
}

static bool take_partial(struct slice partial, struct otlp_answer *answer) {
    struct protobuf_field field;

    while (partial.size > 0) {
        if (!protobuf_take(&partial, &field)) {
            return false;
        }
        if (field.number == PARTIAL_REJECTED && field.type == PROTOBUF_VARINT) {
            answer->rejected = field.value > INT64_MAX ? 0 : field.value; /* an int64: less than none */
        } else if (field.number == PARTIAL_MESSAGE && field.type == PROTOBUF_SIZED) {
            take_message(field.bytes, answer->message);
        }
    }
    return true;
}

bool otlp_answer_read(struct slice body, struct otlp_answer *ret_answer) {
    struct otlp_answer answer = {.rejected = 0};
    struct protobuf_field field;

    *ret_answer = answer;
    while (body.size > 0) {
        if (!protobuf_take(&body, &field) || (field.number == ANSWER_PARTIAL_SUCCESS && field.type == PROTOBUF_SIZED &&
                                              !take_partial(field.bytes, &answer))) {
            return false;
        }
    }
    *ret_answer = answer;
    return true;
}
