/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/bench/connection.h"
#include "cli/bench/dialect.h"
#include "cli/bench/service_judge.h"
#include "cli/bench/worker.h"

enum { WORDS_MAX = 100 /* of a request, without prefix, key, host and value */ };

static struct service_worker *worker_of(struct connection *c) {
    return &c->worker->load->service->workers[c->worker->index];
}

static size_t request_max(const struct load *load) {
    return WORDS_MAX + strlen(load->config->key_prefix) + SERVICE_KEY_SIZE + ADDRESS_TEXT_MAX + LEDGER_VALUE_SIZE;
}

static void open_scanner(struct connection *c) {
    http_scan_init(&c->scanner.http);
}

static bool take(struct connection *c, struct pending *p) {
    struct load *load = c->worker->load;

    if (load->kind == WORKLOAD_PREFILL) {
        return service_next_fill(load->service, worker_of(c), &p->service);
    }
    service_next(load->service, worker_of(c), c->node, &p->service);
    return true;
}

static char *put(char *at, struct slice text) {
    memcpy(at, text.data, text.size);
    return at + text.size;
}

static char *encode(struct connection *c, char *at, struct pending *p) {
    static const struct {
        struct slice method, query;
    } words[] = {
        [ROUTE_DELETE] = {SLICE("DELETE /"), SLICE("")},
        [ROUTE_PUT] = {SLICE("PUT /"), SLICE("")},
        [ROUTE_GET] = {SLICE("GET /"), SLICE("?use_cache=false")},
        [ROUTE_GET_CACHED] = {SLICE("GET /"), SLICE("?use_cache=true")},
    };
    const struct load *load = c->worker->load;
    const struct service_work *work = &p->service;

    at = put(at, words[work->route].method);
    at = put(at, load->encoder.prefix);
    service_key_text(work->key, at);
    at = put(at + SERVICE_KEY_SIZE, words[work->route].query);
    at = put(at, SLICE(" HTTP/1.1\r\nHost: "));
    at = put(at, slice_from_string(load->subjects[c->node].host));
    if (work->route != ROUTE_PUT) {
        return put(at, SLICE("\r\n\r\n"));
    }
    _Static_assert(LEDGER_VALUE_SIZE == 44, "the length below");
    at = put(at, SLICE("\r\nContent-Length: 44\r\n\r\n"));
    ledger_value(&load->service->ledger, work->key, work->number, at);
    return at + LEDGER_VALUE_SIZE;
}

static enum larder_error on_answer(void *ctx, const struct http_answer *answer) {
    struct connection *c = ctx;
    struct worker *worker = c->worker;
    const struct pending *p = connection_front(c);
    bool counts;

    if (p == NULL) {
        return LARDER_ERROR_PROTOCOL;
    }
    counts = p->counted && worker->phase == PHASE_MEASURE;
    service_judge(worker->load->service, worker_of(c), c->node, &p->service, answer,
                  counts ? worker->now_ns - p->start_ns : -1);
    connection_pop(c);
    return answer->closes ? LARDER_ERROR_CLOSED : LARDER_OK;
}

static enum larder_error feed(struct connection *c, const char *data, size_t size) {
    return http_scan_feed(&c->scanner.http, data, size, on_answer, c);
}

const struct dialect dialect_service = {
    .request_max = request_max,
    .open = open_scanner,
    .take = take,
    .encode = encode,
    .feed = feed,
};
