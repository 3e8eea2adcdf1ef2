/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_EXPORTER_H
#define LARDER_EXPORT_EXPORTER_H

#include "export/otel_settings.h"
#include "export/retry.h"
#include "trace/calls.h"
#include "trace/tracer.h"

/* A thread that takes ended spans from a tracer's queue and sends them to a collector in batches, and what was counted of calls
 * now and then. What cannot be sent is tried again for OTEL_BSP_EXPORT_TIMEOUT; meanwhile the queue fills up, and what does not
 * fit is dropped and counted: nobody waits for a collector. */
struct exporter;

enum exporter_log_level { EXPORTER_INFO, EXPORTER_WARNING };

/* Told, by the exporter's thread, when the collector fails for the first time, or begins to reject some of what it is sent or to
 * warn of it (OTLP's partial success), and when it is back. */
typedef void exporter_log_fn(void *ctx, enum exporter_log_level level, const char *message);

struct exporter_config {
    const struct otel_settings *settings; /* borrowed, as is all below, until exporter_stop */
    struct tracer *tracer;
    const struct calls *calls; /* NULL: there are none */
    uint64_t seed;             /* of delays */
    retry_delay_fn *delay;     /* between attempts; NULL: retry_delay_ns */
    exporter_log_fn *log;      /* NULL: nobody is told */
    void *log_ctx;
};

/* Errors: NO_MEMORY, LIMIT (no thread). */
enum larder_error exporter_start(const struct exporter_config *config, struct exporter **ret_exporter);

/* Sends what has ended until now. False: that has not come to an end within the time; it goes on. */
bool exporter_flush(struct exporter *e, int64_t timeout_ns);

/* Takes no more spans, sends what there is for at most that time, drops the rest, ends the thread. Where nobody listens a batch is
 * tried once from then on, and what was to be tried again later is tried at once. NULL is allowed. In a process that was
 * forked off since, where there is no such thread, it does nothing. */
void exporter_stop(struct exporter *e, int64_t timeout_ns);

struct exporter_figures {
    uint64_t spans_sent;
    uint64_t spans_dropped;   /* the queue was full, or the collector rejected them or failed for too long */
    uint64_t posts;           /* attempts, of metrics too */
    uint64_t metrics_sent;    /* times */
    uint64_t metrics_dropped; /* times, also those of which some points were rejected */
};

struct exporter_figures exporter_figures(struct exporter *e);

#endif
