/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/bench/connection.h"
#include "cli/bench/dialect.h"
#include "cli/bench/dialect_keys.h"
#include "cli/bench/tally.h"
#include "cli/bench/worker.h"

static void open_scanner(struct connection *c) {
    http_scan_init(&c->scanner.http);
}

/* "503: {"code":...". */
static void complete_error(struct connection *c, const struct pending *p, const struct http_answer *answer) {
    char text[HTTP_SCAN_BODY_KEPT + 8];
    int size = snprintf(text, sizeof(text), "%u%s%.*s", answer->status, answer->body.size > 0 ? ": " : "",
                        (int)answer->body.size, answer->body.data);

    tally_error(c->worker, p, slice_make(text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1));
}

static enum larder_error on_answer(void *ctx, const struct http_answer *answer) {
    struct connection *c = ctx;
    const struct pending *p = connection_front(c);

    if (p == NULL) {
        return LARDER_ERROR_PROTOCOL;
    }
    if (p->work.is_set && answer->status >= 200 && answer->status <= 204) {
        tally_answer(c->worker, p, 0);
    } else if (!p->work.is_set && answer->status == 200) {
        tally_value(c->worker, p, answer->body_size);
        tally_answer(c->worker, p, 1);
    } else if (!p->work.is_set && answer->status == 404) {
        tally_answer(c->worker, p, 0);
    } else {
        complete_error(c, p, answer);
    }
    connection_pop(c);
    return answer->closes ? LARDER_ERROR_CLOSED : LARDER_OK;
}

static enum larder_error feed(struct connection *c, const char *data, size_t size) {
    return http_scan_feed(&c->scanner.http, data, size, on_answer, c);
}

const struct dialect dialect_http = {
    .request_max = dialect_keys_request_max,
    .open = open_scanner,
    .take = dialect_keys_take,
    .encode = dialect_keys_encode,
    .feed = feed,
};
