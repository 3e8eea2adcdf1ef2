/* SPDX-License-Identifier: Apache-2.0 */
#include "library/tracer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "library/observe.h"

enum { DEFAULT_FLUSH_MS = 2000, SERVICE_MAX = 128, METRICS_TEXT_MAX = 16 << 20 };

struct lookup {
    const char *const *variables;
    bool ignore_environment;
};

static const char *look_up(void *ctx, const char *name) {
    const struct lookup *lookup = ctx;
    size_t size = strlen(name);

    for (const char *const *v = lookup->variables; v != NULL && *v != NULL; v++) {
        if (strncmp(*v, name, size) == 0 && (*v)[size] == '=') {
            return *v + size + 1;
        }
    }
    return lookup->ignore_environment ? NULL : secure_getenv(name);
}

static void warn(void *ctx, const char *warning) {
    const struct larder_tracer *t = ctx;

    if (t->log != NULL) {
        t->log(t->log_ctx, LARDER_LOG_WARNING, warning);
    }
}

static void pass_log(void *ctx, enum exporter_log_level level, const char *message) {
    const struct larder_tracer *t = ctx;

    if (t->log != NULL) {
        t->log(t->log_ctx, level == EXPORTER_INFO ? LARDER_LOG_INFO : LARDER_LOG_WARNING, message);
    }
}

static enum larder_status start(struct larder_tracer *t) {
    const struct otel_settings *s = &t->settings;
    static const struct sampler nothing;
    const struct exporter_config config = {
        .settings = s,
        .tracer = &t->tracer,
        .calls = t->calls,
        .seed = random_os_seed(),
        .log = pass_log,
        .log_ctx = t,
    };
    enum larder_error error;

    tracer_init(&t->tracer, s->traces.on ? &s->sampler : &nothing, s->traces.on && s->keeps_errors, random_os_seed(),
                s->queue_max, s->batch_max, otlp_write_span);
    if (!s->traces.on && !s->metrics.on) {
        return LARDER_DONE;
    }
    error = exporter_start(&config, &t->exporter);
    if (error == LARDER_OK) {
        return LARDER_DONE;
    }
    tracer_fini(&t->tracer);
    return error == LARDER_ERROR_NO_MEMORY ? LARDER_ERR_NO_MEMORY : LARDER_ERR_SYSTEM;
}

static enum larder_status make(struct larder_tracer *t, const struct larder_tracer_options *o) {
    struct lookup lookup = {.variables = o->variables, .ignore_environment = o->ignore_environment};
    char service[SERVICE_MAX];
    enum larder_status status;

    t->flush_timeout_ns = (o->flush_timeout_ms > 0 ? o->flush_timeout_ms : DEFAULT_FLUSH_MS) * CLOCK_NS_PER_MS;
    t->log = o->log;
    t->log_ctx = o->log_ctx;
    snprintf(service, sizeof(service), "unknown_service:%s", program_invocation_short_name);
    if (otel_settings_init(&t->settings, look_up, &lookup, service, warn, t) != LARDER_OK) {
        return LARDER_ERR_NO_MEMORY;
    }
    t->calls = calls_new(&observe_names, clock_wall_ns());
    status = t->calls == NULL ? LARDER_ERR_NO_MEMORY : t->settings.disabled ? LARDER_DONE : start(t);
    if (status != LARDER_DONE || t->settings.disabled) {
        calls_free(t->calls);
        otel_settings_fini(&t->settings);
    }
    return status;
}

enum larder_status larder_tracer_new(const struct larder_tracer_options *options, struct larder_tracer **ret_tracer) {
    struct larder_tracer_options known = {.size = sizeof(known)};
    struct larder_tracer *t;
    enum larder_status status;

    if (options != NULL) {
        if (options->size != sizeof(known)) {
            return LARDER_ERR_INVALID;
        }
        known = *options;
    }
    t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    status = make(t, &known);
    if (status != LARDER_DONE || t->settings.disabled) {
        bool disabled = status == LARDER_DONE;

        free(t);
        if (disabled) {
            *ret_tracer = NULL;
        }
        return status;
    }
    *ret_tracer = t;
    return LARDER_DONE;
}

void larder_tracer_free(struct larder_tracer *tracer) {
    /* In a child the thread is missing that may have held locks or waited when the fork came: all is left as it is. */
    if (tracer == NULL || process_mark_is_foreign(&tracer->tracer.mark)) {
        return;
    }
    exporter_stop(tracer->exporter, tracer->flush_timeout_ns);
    tracer_fini(&tracer->tracer);
    calls_free(tracer->calls);
    otel_settings_fini(&tracer->settings);
    free(tracer);
}

enum larder_status larder_tracer_flush(struct larder_tracer *tracer, unsigned timeout_ms) {
    if (tracer == NULL || tracer->exporter == NULL) {
        return LARDER_DONE;
    }
    if (process_mark_is_foreign(&tracer->tracer.mark)) {
        return LARDER_ERR_FORKED;
    }
    return exporter_flush(tracer->exporter, timeout_ms * CLOCK_NS_PER_MS) ? LARDER_DONE : LARDER_ERR_TIMEOUT;
}

size_t larder_tracer_metrics(struct larder_tracer *tracer, char *buffer, size_t capacity) {
    struct buf text;
    size_t size = 0;

    if (tracer == NULL) {
        if (capacity > 0) {
            buffer[0] = '\0';
        }
        return 0;
    }
    buf_init(&text, METRICS_TEXT_MAX);
    if (calls_write_prometheus(tracer->calls, &text) == LARDER_OK) {
        size = text.size;
    }
    if (capacity > 0) {
        size_t fits = size < capacity ? size : capacity - 1;

        if (fits > 0) {
            memcpy(buffer, text.data, fits);
        }
        buffer[fits] = '\0';
    }
    buf_fini(&text);
    return size;
}

void larder_tracer_get_figures(struct larder_tracer *tracer, struct larder_tracer_figures *figures) {
    struct larder_tracer_figures known = {.size = figures->size};
    struct exporter_figures now;

    if (tracer != NULL && tracer->exporter != NULL && !process_mark_is_foreign(&tracer->tracer.mark)) {
        now = exporter_figures(tracer->exporter);
        known.spans_sent = now.spans_sent;
        known.spans_dropped = now.spans_dropped;
        known.posts = now.posts;
    }
    memcpy(figures, &known, figures->size < sizeof(known) ? figures->size : sizeof(known));
}
