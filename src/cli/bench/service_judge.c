/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/service_judge.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/bench/tally.h"

/* One answer while it is judged. */
struct trial {
    struct service *service;
    struct service_worker *worker;
    size_t node;
    const struct service_work *work;
    const struct http_answer *answer;
};

static bool is_done(const struct trial *t) {
    return t->answer->status >= 200 && t->answer->status < 300;
}

static bool is_absent(const struct trial *t) {
    return t->answer->status == 404;
}

static bool is_failed(const struct trial *t) {
    return !is_done(t) && !(is_absent(t) && t->work->route != ROUTE_PUT);
}

/* Where and what: "GET use_cache=true of KEY at 127.0.0.1:8080". */
static void describe(const struct trial *t, char *ret_text, size_t room) {
    char address[ADDRESS_TEXT_MAX];
    char key[SERVICE_KEY_SIZE];

    service_key_text(t->work->key, key);
    snprintf(ret_text, room, "%s of %.*s at %s", route_name(t->work->route), SERVICE_KEY_SIZE, key,
             address_format(&t->service->config->nodes[t->node], address));
}

static void note_wrong(const struct trial *t, enum ledger_verdict verdict, const char *shown) {
    struct service_stats *stats = &t->worker->stats;
    char what[SERVICE_EXAMPLE_MAX / 2];

    stats->stale += verdict == LEDGER_STALE;
    stats->stale_by[t->work->route] += verdict == LEDGER_STALE;
    stats->foreign += verdict == LEDGER_FOREIGN;
    if (verdict != LEDGER_FRESH && stats->first_wrong[0] == '\0') {
        describe(t, what, sizeof(what));
        snprintf(stats->first_wrong, sizeof(stats->first_wrong),
                 "%s showed %s, but write %" PRIu64 " had been acknowledged", what, shown, t->work->floor);
    }
}

static void judge_value(const struct trial *t) {
    const struct http_answer *answer = t->answer;
    bool whole = answer->body_size == answer->body.size;
    char shown[64] = "what nobody has written";
    uint64_t number;
    enum ledger_verdict verdict = ledger_judge_value(&t->service->ledger, t->work->key, t->work->floor,
                                                     whole ? answer->body : slice_make(NULL, 0), &number);

    if (number > 0) {
        snprintf(shown, sizeof(shown), "write %" PRIu64, number);
    } else if (verdict == LEDGER_STALE) {
        snprintf(shown, sizeof(shown), "a value of an earlier run");
    }
    note_wrong(t, verdict, shown);
}

static void judge_read(const struct trial *t) {
    if (is_absent(t)) {
        note_wrong(t, ledger_judge_absent(&t->service->ledger, t->work->key, t->work->floor), "nothing");
    } else if (is_done(t)) {
        judge_value(t);
    }
}

static void judge_write(const struct trial *t) {
    struct ledger *ledger = &t->service->ledger;
    uint64_t key = t->work->key;

    if (is_failed(t)) {
        if (t->answer->status >= 400 && t->answer->status < 500) {
            ledger_withdraw(ledger, key);
        } else {
            t->worker->stats.unknown++;
        }
        return;
    }
    if (t->work->route == ROUTE_DELETE) {
        if (is_absent(t) && ledger_was_present(ledger, key)) {
            note_wrong(t, LEDGER_STALE, "nothing");
        }
        service_note_absent(t->worker, key);
    }
    ledger_acknowledge(ledger, key, t->node);
}

static void count(const struct trial *t, int64_t latency_ns) {
    struct route_stats *route = &t->worker->stats.routes[t->work->route];
    struct service_stats *stats = &t->worker->stats;

    route->requests++;
    route->fails += is_failed(t);
    route->absent += is_absent(t) && !is_failed(t);
    route->body_bytes += t->answer->body_size;
    histogram_record(&route->latency, (uint64_t)latency_ns);
    if (is_failed(t) && stats->first_failure[0] == '\0') {
        char what[SERVICE_EXAMPLE_MAX / 2];
        char said[HTTP_SCAN_BODY_KEPT + 1];

        describe(t, what, sizeof(what));
        tally_copy_text(t->answer->body, said, sizeof(said));
        snprintf(stats->first_failure, sizeof(stats->first_failure), "%s: %u %s", what, t->answer->status, said);
    }
}

void service_judge(struct service *service, struct service_worker *worker, size_t node, const struct service_work *work,
                   const struct http_answer *answer, int64_t latency_ns) {
    const struct trial trial = {service, worker, node, work, answer};

    worker->stats.judged++;
    if (work->route == ROUTE_GET || work->route == ROUTE_GET_CACHED) {
        judge_read(&trial);
    } else {
        judge_write(&trial);
    }
    if (latency_ns >= 0) {
        count(&trial, latency_ns);
    }
}
