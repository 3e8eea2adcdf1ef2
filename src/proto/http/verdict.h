/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_VERDICT_H
#define LARDER_PROTO_HTTP_VERDICT_H

#include <stdbool.h>

#include "base/slice.h"

/* What the decoders of HTTP/1.1 say of the bytes they were given. */
enum http_verdict {
    HTTP_DONE, /* read whole */
    HTTP_MORE, /* good so far; more must come */
#define VERDICT(name, status, text) HTTP_##name,
#include "proto/http/verdicts.def"
#undef VERDICT
    HTTP_VERDICT_COUNT
};

/* The status that a refusal (anything but DONE and MORE) is answered with. */
unsigned http_verdict_status(enum http_verdict verdict);

/* Why, for people; static. */
struct slice http_verdict_text(enum http_verdict verdict);

#endif
