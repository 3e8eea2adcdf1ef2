/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_H
#define LARDER_TRACE_H

#include <larder/larder.h>
#include <stdbool.h>

/* Traces and metrics of a program and of its caches, told to a collector by OTLP over HTTP in protobuf
 * (opentelemetry.io/docs/specs/otlp).
 *
 * A `larder_tracer` has a thread that sends what has ended, in batches. Nobody waits for it: what a collector that is slow or
 * gone does not take within a time is dropped and counted. A cache that was made with the tracer has a span for each call, one
 * for each server that a call for many keys asks, and the metrics `latency` (a histogram, in seconds) and `calls` (a counter),
 * both with the attributes `method`, `status` (what came of it: "hit", "miss", "stored", ..., "error") and `error` ("" or the
 * kind: "timeout", "closed", ...). Spans are named and described by OpenTelemetry's semantic conventions for databases:
 * db.system.name, db.operation.name, db.operation.batch.size, server.address, server.port, error.type; reads have `cache.hit` and
 * the event "Cache hit" or "Cache miss" too.
 *
 * Which span is the parent of which is always said by an argument: there is no current span, and nothing is kept for a thread.
 * A NULL tracer is one that is off: spans are then NULL too, and NULL is allowed for a span everywhere.
 *
 * A tracer may be used by any number of threads at once, a span by one at a time. In a child that was forked off nothing is
 * sent; there spans can be used, and larder_tracer_free does nothing. Memory comes from malloc. */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct larder_tracer;
struct larder_span;

enum {
    LARDER_TRACEPARENT_MAX = 56,     /* bytes of a traceparent, its NUL included */
    LARDER_TRACESTATE_MAX = 513,     /* bytes of a tracestate, its NUL included */
    LARDER_SPAN_ATTRIBUTES_MAX = 32, /* of a span; more are dropped, and counted in it */
    LARDER_SPAN_EVENTS_MAX = 16,     /* the same */
    LARDER_SPAN_TEXT_MAX = 2048, /* bytes of all names, keys and texts of a span; what does not fit is cut or dropped */
};

/* Zero stands for the default everywhere, so begin with all zeros and set `size`. */
struct larder_tracer_options {
    size_t size; /* sizeof(struct larder_tracer_options), as the program was compiled */
    /* "OTEL_SERVICE_NAME=shop", ...: come before those of the environment. A NULL ends them. They are read by
     * larder_tracer_new and not kept. */
    const char *const *variables;
    bool ignore_environment;
    unsigned flush_timeout_ms; /* that larder_tracer_free takes at most; 2000 */
    /* Told of variables that are not understood, and when the collector fails, rejects or warns, and is back; none. */
    larder_log_fn *log;
    void *log_ctx;
};

/* A tracer as the environment says, by OpenTelemetry's variables; docs/OPERATIONS.md has the list: OTEL_SDK_DISABLED,
 * OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_TRACES_SAMPLER (and _ARG),
 * OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT and _CERTIFICATE, also for one signal, OTEL_BSP_*,
 * OTEL_METRIC_EXPORT_INTERVAL; and LARDER_TRACES_ERRORS=true: spans that end with an error are sent even if their trace is not
 * sampled, each alone. Without any of them it tells http://localhost:4318 everything.
 * `options` may be NULL. *ret_tracer is NULL if telemetry is disabled. The caller frees it. Errors: INVALID (the options),
 * NO_MEMORY, SYSTEM (no thread). */
enum larder_status larder_tracer_new(const struct larder_tracer_options *options, struct larder_tracer **ret_tracer);

/* Sends what there is for at most flush_timeout_ms, drops the rest, ends the thread. All spans have to be ended and all caches that
 * have the tracer to be freed before. NULL is allowed. */
void larder_tracer_free(struct larder_tracer *tracer);

/* Sends what has ended until now, metrics too. DONE; ERR_TIMEOUT: it is not over yet, and goes on. DONE for NULL. */
enum larder_status larder_tracer_flush(struct larder_tracer *tracer, unsigned timeout_ms);

/* The metrics of all caches that have the tracer, as text for Prometheus: latency_seconds and calls_total. Writes at most
 * `capacity` bytes to `buffer`, a NUL among them, and returns how many bytes the whole text has without its NUL; 0: no memory, or
 * NULL. */
size_t larder_tracer_metrics(struct larder_tracer *tracer, char *buffer, size_t capacity);

/* What has become of the spans so far. */
struct larder_tracer_figures {
    size_t size;         /* sizeof(struct larder_tracer_figures), as the program was compiled */
    uint64_t spans_sent; /* and taken by the collector */
    /* The queue was full, there was no memory, or the collector rejected them or did not take them in time. */
    uint64_t spans_dropped;
    uint64_t posts; /* attempts to send something */
};

/* `figures->size` has to be set. For NULL all are 0. */
void larder_tracer_get_figures(struct larder_tracer *tracer, struct larder_tracer_figures *figures);

/* Numbers as OTLP has them. */
enum larder_span_kind {
    LARDER_SPAN_INTERNAL = 1,
    LARDER_SPAN_SERVER = 2,
    LARDER_SPAN_CLIENT = 3,
    LARDER_SPAN_PRODUCER = 4,
    LARDER_SPAN_CONSUMER = 5,
};

enum larder_span_status { LARDER_SPAN_UNSET = 0, LARDER_SPAN_OK = 1, LARDER_SPAN_ERROR = 2 };

/* Begins a span, a root if there is no parent. NULL if the tracer is, or without memory. All texts are copied. The program
 * ends the span, before the tracer is freed; its parent may end sooner. */
struct larder_span *larder_span_begin(struct larder_tracer *tracer, const char *name, enum larder_span_kind kind,
                                      const struct larder_span *parent);

/* The same with a parent in another process, as W3C Trace Context tells of it (w3.org/TR/trace-context): the fields traceparent
 * and tracestate of a request, each of which may be NULL. A traceparent that is none counts as none: the span is a root. */
struct larder_span *larder_span_begin_remote(struct larder_tracer *tracer, const char *name, enum larder_span_kind kind,
                                             const char *traceparent, const char *tracestate);

/* Ends it now and gives it up. */
void larder_span_end(struct larder_span *span);

/* An attribute; what was set under that key before is gone. Texts should be UTF-8. */
void larder_span_set_string(struct larder_span *span, const char *key, const char *value);
void larder_span_set_int(struct larder_span *span, const char *key, int64_t value);
void larder_span_set_double(struct larder_span *span, const char *key, double value);
void larder_span_set_bool(struct larder_span *span, const char *key, bool value);

/* Something that happened now. */
void larder_span_add_event(struct larder_span *span, const char *name);

/* OK is final; UNSET changes nothing. `message` is for ERROR, may be NULL. */
void larder_span_set_status(struct larder_span *span, enum larder_span_status status, const char *message);

/* Whether what is set here will be kept: false for NULL, and for a span that is not sampled. */
bool larder_span_is_recording(const struct larder_span *span);

/* For a request to another process: its traceparent, "" for NULL. Returns ret_text. */
const char *larder_span_traceparent(const struct larder_span *span, char ret_text[LARDER_TRACEPARENT_MAX]);

/* And its tracestate; "" if there is none: then the field is left out. Returns ret_text. */
const char *larder_span_tracestate(const struct larder_span *span, char ret_text[LARDER_TRACESTATE_MAX]);

/* The same cache, whose calls become children of `parent`, which stays where it is until the view is freed, by
 * larder_cache_free. A view costs little: it shares servers, connections and options. The cache itself has to be freed after
 * its views. Errors: NO_MEMORY. */
enum larder_status larder_cache_within(struct larder_cache *cache, const struct larder_span *parent,
                                       struct larder_cache **ret_view);

struct larder_etcd;
struct larder_near;

/* The same for a client of etcd, whose options have the tracer too, and for a near cache in front of it. A view is freed by
 * larder_etcd_free or larder_near_free. What is made with a view - a lease, a watch, an observer, a queue - is the client's own and may
 * outlive it: its calls are roots, and what it does by itself is not told. But the operations of a queue that was made with a view
 * are children of `parent` too, which then stays until the queue is freed; larder_etcd_how names another span for a single
 * operation. These begin when they are handed in and end when the answer has come, whenever it is taken.
 * The spans are named as etcd names its calls (Range, Put, ..., or near_get), db.system.name is etcd; of a read they say
 * larder.from_memory, larder.freshness ("linearizable", "max_stale" or "cached") and larder.age_ms, how old the answer
 * may be. */
enum larder_status larder_etcd_within(struct larder_etcd *client, const struct larder_span *parent,
                                      struct larder_etcd **ret_view);
enum larder_status larder_near_within(struct larder_near *near, const struct larder_span *parent,
                                      struct larder_near **ret_view);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
