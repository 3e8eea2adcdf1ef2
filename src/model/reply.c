/* SPDX-License-Identifier: Apache-2.0 */
#include "model/reply.h"

#include <assert.h>

static const uint8_t classes[] = {
#define RESULT(name, class) RESULT_CLASS_##class,
#include "model/results.def"
#undef RESULT
};

static const char *const class_labels[] = {
    [RESULT_CLASS_OK] = "ok",           [RESULT_CLASS_HIT] = "hit",           [RESULT_CLASS_MISS] = "miss",
    [RESULT_CLASS_ABSENT] = "absent",   [RESULT_CLASS_CONFLICT] = "conflict", [RESULT_CLASS_ERROR] = "error",
    [RESULT_CLASS_REFUSED] = "refused", [RESULT_CLASS_FAILED] = "failed",     [RESULT_CLASS_UNKNOWN] = "unknown",
};

enum result_class result_class(enum result result) {
    assert(result < RESULT_COUNT);
    return (enum result_class)classes[result];
}

const char *result_class_label(enum result_class class) {
    assert(class < RESULT_CLASS_COUNT);
    return class_labels[class];
}
