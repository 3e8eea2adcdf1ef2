/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a collector answers: what is taken of it fits, is text, and breaks no line. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "export/otlp_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct otlp_answer answer;
    bool well = otlp_answer_read(slice_make((const char *)data, size), &answer);
    size_t length = strnlen(answer.message, sizeof(answer.message));

    assert(length < sizeof(answer.message) && answer.rejected <= INT64_MAX);
    assert(well || (length == 0 && answer.rejected == 0));
    assert(utf8_is_valid(slice_make(answer.message, length)));
    for (size_t i = 0; i < length; i++) {
        assert((unsigned char)answer.message[i] >= ' ' && answer.message[i] != 0x7f);
    }
    return 0;
}
