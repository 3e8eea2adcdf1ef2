/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes: opentelemetry.io/docs/specs/semconv/database. */
#include "library/observe.h"

#include "base/clock.h"
#include "base/number.h"
#include "trace/context.h"

/* What is said of a call: as a method of the metrics and the name of its span, and as the operation that servers are asked
 * for. */
static const char *const methods[OBSERVE_METHODS] = {
    [MC_TEXT_GET] = "get",
    [MC_TEXT_GETS] = "gets",
    [MC_TEXT_GAT] = "gat",
    [MC_TEXT_SET] = "set",
    [MC_TEXT_ADD] = "add",
    [MC_TEXT_REPLACE] = "replace",
    [MC_TEXT_APPEND] = "append",
    [MC_TEXT_PREPEND] = "prepend",
    [MC_TEXT_CAS] = "cas",
    [MC_TEXT_DELETE] = "delete",
    [MC_TEXT_INCR] = "incr",
    [MC_TEXT_DECR] = "decr",
    [MC_TEXT_TOUCH] = "touch",
    [MC_TEXT_FLUSH] = "flush_all",
    [MC_TEXT_STATS] = "stats",
    [MC_TEXT_VERSION] = "version",
    [OBSERVE_GET_MANY] = "get_many",
    [OBSERVE_BATCH] = "batch",
    [OBSERVE_RANGE] = "Range",
    [OBSERVE_PUT] = "Put",
    [OBSERVE_DELETE_RANGE] = "DeleteRange",
    [OBSERVE_TXN] = "Txn",
    [OBSERVE_COMPACT] = "Compact",
    [OBSERVE_LEASE_GRANT] = "LeaseGrant",
    [OBSERVE_LEASE_REVOKE] = "LeaseRevoke",
    [OBSERVE_LEASE_KEEP_ALIVE] = "LeaseKeepAlive",
    [OBSERVE_LEASE_TIME_TO_LIVE] = "LeaseTimeToLive",
    [OBSERVE_LEASE_LEASES] = "LeaseLeases",
    [OBSERVE_NEAR_GET] = "near_get",
};

enum { ANSWERS = LARDER_TAKEN + 1, ERRORS = -LARDER_ERR_ENDED };

/* The answers by their numbers, then the errors by theirs, then what may come to be one. */
static const struct calls_outcome outcomes[] = {
    {"done", ""},
    {"hit", ""},
    {"miss", ""},
    {"stored", ""},
    {"not_stored", ""},
    {"exists", ""},
    {"not_found", ""},
    {"deleted", ""},
    {"touched", ""},
    {"counted", ""},
    {"nothing", ""},
    {"taken", ""},
    {"error", "no_memory"},
    {"error", "invalid"},
    {"error", "key"},
    {"error", "too_large"},
    {"error", "too_small"},
    {"error", "unresolved"},
    {"error", "unreachable"},
    {"error", "closed"},
    {"error", "timeout"},
    {"error", "protocol"},
    {"error", "server"},
    {"error", "dead"},
    {"error", "all_dead"},
    {"error", "busy"},
    {"error", "forked"},
    {"error", "other"},
    {"error", "system"},
    {"error", "unavailable"},
    {"error", "unknown"},
    {"error", "denied"},
    {"error", "compacted"},
    {"error", "future_revision"},
    {"error", "no_lease"},
    {"error", "lease_exists"},
    {"error", "no_space"},
    {"error", "lost"},
    {"error", "ended"},
    {"error", "other"},
};

enum { OUTCOMES = sizeof(outcomes) / sizeof(outcomes[0]) };
_Static_assert((int)OUTCOMES == ANSWERS + ERRORS + 1, "each status has its outcome");

const struct calls_names observe_names = {
    .methods = methods, .method_count = OBSERVE_METHODS, .outcomes = outcomes, .outcome_count = OUTCOMES};

static size_t outcome_of(enum larder_status status) {
    int number = (int)status;

    if (number >= 0) {
        return number < ANSWERS ? (size_t)number : OUTCOMES - 1;
    }
    return -number <= ERRORS ? (size_t)(ANSWERS - number - 1) : OUTCOMES - 1;
}

static const char *operation_of(size_t method) {
    return method == OBSERVE_GET_MANY ? methods[MC_TEXT_GET] : methods[method];
}

static void describe(struct span *span, const char *operation) {
    span_set(span, SLICE("db.system.name"), span_text(SLICE("memcached")));
    span_set(span, SLICE("db.operation.name"), span_text(slice_from_string(operation)));
}

/* "host:port", "[address]:port", or "unix:path". */
static void describe_server(struct span *span, const char *name) {
    struct slice text = slice_from_string(name), host;
    const char *colon = strrchr(name, ':');
    uint64_t port;

    if (slice_has_prefix(text, SLICE("unix:")) || colon == NULL) {
        host = colon == NULL ? text : slice_skip(text, strlen("unix:"));
        span_set(span, SLICE("server.address"), span_text(host));
        span_set(span, SLICE("network.transport"), span_text(SLICE("unix")));
        return;
    }
    host = slice_make(name, (size_t)(colon - name));
    if (host.size > 1 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        host = slice_make(host.data + 1, host.size - 2);
    }
    span_set(span, SLICE("server.address"), span_text(host));
    if (number_parse_u64(slice_from_string(colon + 1), &port)) {
        span_set(span, SLICE("server.port"), span_integer((int64_t)port));
    }
}

void observe_count(struct larder_tracer *tracer, size_t method, enum larder_status status, int64_t duration_ns) {
    calls_count(tracer->calls, method, outcome_of(status), duration_ns);
}

void observe_describe(struct span *span, enum larder_status status, int64_t now_ns) {
    bool hit = status == LARDER_HIT;

    if (hit || status == LARDER_MISS) {
        span_set(span, SLICE("cache.hit"), span_truth(hit));
        span_add_event(span, hit ? SLICE("Cache hit") : SLICE("Cache miss"), span_time_ns(span, now_ns));
    } else if (status < 0) {
        span_set(span, SLICE("error.type"), span_text(slice_from_string(outcomes[outcome_of(status)].error)));
        span_set_status(span, SPAN_ERROR, slice_from_string(larder_strerror(status)));
    }
}

void observe_start(struct observed *o, const struct larder_cache *cache, size_t method, size_t count) {
    o->method = method;
    o->many = count > 0 || (method >= MC_TEXT_FLUSH && method <= MC_TEXT_VERSION);
    o->server_count = 0;
    o->start_ns = clock_monotonic_ns();
    o->span = tracer_begin_leaf(&o->tracer->tracer, slice_from_string(methods[method]), SPAN_CLIENT, cache->parent,
                                o->start_ns);
    if (o->span != NULL) {
        describe(o->span, operation_of(method));
        if (count > 0) {
            span_set(o->span, SLICE("db.operation.batch.size"), span_integer((int64_t)count));
        }
    }
}

static struct observed_server *find_server(struct observed *o, const char *name) {
    for (size_t i = 0; i < o->server_count; i++) {
        if (o->servers[i].name == name) {
            return &o->servers[i];
        }
    }
    if (o->server_count == OBSERVE_SERVERS_MAX) {
        return NULL;
    }
    o->servers[o->server_count] = (struct observed_server){.name = name};
    return &o->servers[o->server_count++];
}

/* The name of a server stays where it is as long as the cache does; "" is nobody's. */
void observe_note(struct observed *o, const struct larder_answer *answer) {
    struct observed_server *server = answer->server[0] == '\0' ? NULL : find_server(o, answer->server);

    if (server == NULL) {
        return;
    }
    server->answers++;
    if (answer->status < 0) {
        server->error = answer->status;
    }
    if (o->many) {
        server->last_ns = clock_monotonic_ns();
    }
}

static void tell_server(struct observed *o, const struct observed_server *server) {
    const char *operation = operation_of(o->method);
    struct span *span =
        tracer_begin_leaf(&o->tracer->tracer, slice_from_string(operation), SPAN_CLIENT, o->span, o->start_ns);

    if (span == NULL) {
        return;
    }
    describe(span, operation);
    describe_server(span, server->name);
    if (o->method == OBSERVE_GET_MANY || o->method == OBSERVE_BATCH) {
        span_set(span, SLICE("db.operation.batch.size"), span_integer((int64_t)server->answers));
    }
    observe_describe(span, server->error, server->last_ns);
    tracer_end(span, server->last_ns);
}

void observe_finish(struct observed *o, enum larder_status status) {
    int64_t now_ns = clock_monotonic_ns();

    observe_count(o->tracer, o->method, status, now_ns - o->start_ns);
    if (o->span == NULL) {
        return;
    }
    if (!o->many && o->server_count > 0) {
        describe_server(o->span, o->servers[o->server_count - 1].name);
    }
    for (size_t i = 0; o->many && i < o->server_count; i++) {
        tell_server(o, &o->servers[i]);
    }
    observe_describe(o->span, status, now_ns);
    tracer_end(o->span, now_ns);
}
