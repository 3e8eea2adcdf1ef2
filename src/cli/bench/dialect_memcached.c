/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/connection.h"
#include "cli/bench/dialect.h"
#include "cli/bench/dialect_keys.h"
#include "cli/bench/tally.h"
#include "cli/bench/worker.h"

static void open_scanner(struct connection *c) {
    scan_init(&c->scanner.memcached, &c->worker->scan_memory);
}

/* The request in front has its whole answer. */
static enum larder_error complete(struct connection *c, const struct pending *p) {
    tally_answer(c->worker, p, c->hits);
    if (c->worker->load->kind == WORKLOAD_REPLAY && !p->work.is_set && c->hits == 0) {
        c->refilling = true;
        c->refill = p->work;
        c->refill.is_set = true;
    }
    c->hits = 0;
    connection_pop(c);
    return LARDER_OK;
}

static enum larder_error complete_error(struct connection *c, const struct pending *p,
                                        const struct mc_response *answer) {
    struct slice text = answer->text;

    if (text.size == 0) {
        text = answer->kind == MC_RESPONSE_ERROR ? SLICE("ERROR") : SLICE("not stored");
    }
    tally_error(c->worker, p, text);
    c->hits = 0;
    connection_pop(c);
    return LARDER_OK;
}

static enum larder_error take_value(struct connection *c, const struct pending *p, const struct mc_response *answer) {
    if (c->hits == c->worker->load->config->keys_per_get) {
        return LARDER_ERROR_PROTOCOL;
    }
    c->hits++;
    tally_value(c->worker, p, answer->value_size);
    return answer->kind == MC_RESPONSE_VA ? complete(c, p) : LARDER_OK;
}

static enum larder_error on_answer(void *ctx, const struct mc_response *answer) {
    struct connection *c = ctx;
    const struct pending *p = connection_front(c);

    if (p == NULL) {
        return LARDER_ERROR_PROTOCOL;
    }
    switch (answer->kind) {
    case MC_RESPONSE_VALUE:
    case MC_RESPONSE_VA:
        return p->work.is_set ? LARDER_ERROR_PROTOCOL : take_value(c, p, answer);
    case MC_RESPONSE_END:
    case MC_RESPONSE_EN:
        return p->work.is_set ? LARDER_ERROR_PROTOCOL : complete(c, p);
    case MC_RESPONSE_STORED:
    case MC_RESPONSE_HD:
        return p->work.is_set ? complete(c, p) : LARDER_ERROR_PROTOCOL;
    case MC_RESPONSE_NOT_STORED:
    case MC_RESPONSE_NS:
    case MC_RESPONSE_ERROR:
    case MC_RESPONSE_CLIENT_ERROR:
    case MC_RESPONSE_SERVER_ERROR:
        return complete_error(c, p, answer);
    default:
        return LARDER_ERROR_PROTOCOL;
    }
}

static enum larder_error feed(struct connection *c, const char *data, size_t size) {
    return scan_feed(&c->scanner.memcached, data, size, on_answer, c);
}

const struct dialect dialect_memcached = {
    .request_max = dialect_keys_request_max,
    .open = open_scanner,
    .take = dialect_keys_take,
    .encode = dialect_keys_encode,
    .feed = feed,
};
