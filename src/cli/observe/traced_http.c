/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes: opentelemetry.io/docs/specs/semconv/http. */
#include "cli/observe/traced_http.h"

#include <stdio.h>

enum {
    URL_MAX = LARDER_SPAN_TEXT_MAX / 2, /* of one that is told; the other half is for all else */
    STATUS_ERROR = 400,
    STATUS_TEXT_MAX = 12,
};

struct larder_span *traced_http_begin(const struct address *server, const char *method, struct slice base,
                                      struct slice target) {
    struct larder_span *span = traced_call_begin(method, server);
    char url[URL_MAX];

    if (larder_span_is_recording(span)) {
        snprintf(url, sizeof(url), "%.*s%.*s", (int)base.size, base.data, (int)target.size, target.data);
        larder_span_set_string(span, "http.request.method", method);
        larder_span_set_string(span, "url.full", url);
    }
    return span;
}

void traced_http_end(struct larder_span *span, enum larder_error error, unsigned status) {
    char text[STATUS_TEXT_MAX];

    if (status != 0) {
        larder_span_set_int(span, "http.response.status_code", status);
    }
    if (error != LARDER_OK) {
        traced_call_fail(span, error);
    } else if (status >= STATUS_ERROR) {
        snprintf(text, sizeof(text), "%u", status);
        larder_span_set_string(span, "error.type", text);
        larder_span_set_status(span, LARDER_SPAN_ERROR, NULL);
    }
    larder_span_end(span);
}
