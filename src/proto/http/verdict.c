/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/verdict.h"

#include <assert.h>

static const struct refusal {
    unsigned status;
    struct slice text;
} refusals[HTTP_VERDICT_COUNT] = {
#define VERDICT(name, status, text) [HTTP_##name] = {status, {text, sizeof(text) - 1}},
#include "proto/http/verdicts.def"
#undef VERDICT
};

unsigned http_verdict_status(enum http_verdict verdict) {
    assert(refusals[verdict].status != 0);
    return refusals[verdict].status;
}

struct slice http_verdict_text(enum http_verdict verdict) {
    assert(refusals[verdict].status != 0);
    return refusals[verdict].text;
}
