/* SPDX-License-Identifier: Apache-2.0 */
#include "export/otel_settings.h"

#include <stdio.h>

#include "export/otel_reader.h"

enum {
    TEXTS_MAX = 256 << 10,
    TIMEOUT_MS = 10000,
    SCHEDULE_DELAY_MS = 5000,
    QUEUE_SIZE = 2048,
    BATCH_SIZE = 512,
    EXPORT_TIMEOUT_MS = 30000,
    METRIC_INTERVAL_MS = 60000,
    MS_MAX = 24 * 60 * 60 * 1000,
};

/* --- where things go --- */

static bool is_http(struct slice url) {
    return slice_has_prefix(url, SLICE("http://")) || slice_has_prefix(url, SLICE("https://"));
}

/* The signal's own address stands as it is; to the common one the signal's path is added. */
static void read_url(struct otel_reader *r, struct otel_signal *signal, const char *name, const char *path) {
    char variable[64];
    struct slice own, base;

    snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_%s_ENDPOINT", name);
    own = otel_text(r, variable);
    if (own.size > 0 && is_http(own)) {
        signal->url = otel_join(r, own, SLICE(""));
        return;
    }
    if (own.size > 0) {
        otel_warn(r, "%s does not begin with http:// or https://, and is passed over", variable);
    }
    base = otel_text(r, "OTEL_EXPORTER_OTLP_ENDPOINT");
    if (base.size > 0 && !is_http(base)) {
        otel_warn(r, "OTEL_EXPORTER_OTLP_ENDPOINT does not begin with http:// or https://, and is passed over");
        base = SLICE("");
    }
    if (base.size == 0) {
        base = SLICE("http://localhost:4318");
    }
    while (base.size > 0 && base.data[base.size - 1] == '/') {
        base.size--;
    }
    signal->url = otel_join(r, base, slice_from_string(path));
}

static bool is_field_name(struct slice name) {
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~' || name.data[i] == ':') {
            return false;
        }
    }
    return name.size > 0;
}

static bool is_field_value(struct slice value) {
    for (size_t i = 0; i < value.size; i++) {
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool add_field(struct otel_reader *r, void *ctx, struct slice key, struct slice value) {
    struct otel_signal *signal = ctx;
    const char *start;

    if (signal->field_count == OTEL_FIELDS_MAX || !is_field_name(key) || !is_field_value(value)) {
        return false;
    }
    start = otel_join(r, key, SLICE(": "));
    if (start == NULL) {
        return false;
    }
    signal->fields[signal->field_count] = otel_join(r, slice_from_string(start), value);
    return signal->fields[signal->field_count++] != NULL;
}

static void read_fields(struct otel_reader *r, struct otel_signal *signal, const char *name) {
    if (!otel_pairs(r, otel_signal_text(r, name, "HEADERS"), add_field, signal) && !r->failed) {
        otel_warn(r, "OTEL_EXPORTER_OTLP_HEADERS is no list of name=value, and is passed over");
        signal->field_count = 0;
    }
}

static bool is_exported(struct otel_reader *r, const char *variable) {
    struct slice text = otel_text(r, variable);

    if (slice_equal(text, SLICE("none"))) {
        return false;
    }
    if (text.size > 0 && !slice_equal(text, SLICE("otlp"))) {
        otel_warn(r, "%s: %.*s is not supported; otlp is taken", variable, (int)(text.size < 40 ? text.size : 40),
                  text.data);
    }
    return true;
}

static void complain_protocol(struct otel_reader *r, const char *name) {
    struct slice protocol = otel_signal_text(r, name, "PROTOCOL");
    struct slice compression = otel_signal_text(r, name, "COMPRESSION");

    if (protocol.size > 0 && !slice_equal(protocol, SLICE("http/protobuf"))) {
        otel_warn(r,
                  "OTEL_EXPORTER_OTLP_PROTOCOL: %.*s is not supported; http/protobuf is sent, which most collectors "
                  "take at port 4318",
                  (int)(protocol.size < 40 ? protocol.size : 40), protocol.data);
    }
    if (compression.size > 0 && !slice_equal(compression, SLICE("none"))) {
        otel_warn(r, "OTEL_EXPORTER_OTLP_COMPRESSION: %.*s is not supported; nothing is compressed",
                  (int)(compression.size < 40 ? compression.size : 40), compression.data);
    }
}

static void read_signal(struct otel_reader *r, struct otel_signal *signal, const char *name, const char *path) {
    char variable[64];
    struct slice ca_file = otel_signal_text(r, name, "CERTIFICATE");
    uint64_t timeout_ms = otel_number(r, "OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT_MS, 1, MS_MAX);

    snprintf(variable, sizeof(variable), "OTEL_%s_EXPORTER", name);
    signal->on = is_exported(r, variable);
    if (!signal->on) {
        return;
    }
    complain_protocol(r, name);
    read_url(r, signal, name, path);
    read_fields(r, signal, name);
    snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_%s_TIMEOUT", name);
    signal->timeout_ms = otel_number(r, variable, timeout_ms, 1, MS_MAX);
    signal->ca_file = ca_file.size > 0 ? otel_join(r, ca_file, SLICE("")) : NULL;
}

/* --- who tells --- */

/* The last that was said of a key holds. */
static bool set_attribute(struct otlp_resource *resource, struct slice key, struct slice value) {
    size_t at = 0;

    while (at < resource->count && !slice_equal(resource->attributes[at].key, key)) {
        at++;
    }
    if (at == OTLP_RESOURCE_ATTRIBUTES_MAX) {
        return false;
    }
    if (at == resource->count) {
        resource->count++;
    }
    resource->attributes[at].key = key;
    resource->attributes[at].value = value;
    return true;
}

static bool add_attribute(struct otel_reader *r, void *ctx, struct slice key, struct slice value) {
    (void)r;
    return set_attribute(ctx, key, value);
}

static void read_resource(struct otel_reader *r, const char *service) {
    struct otlp_resource *resource = &r->settings->resource, listed = {.count = 0};
    struct slice name = otel_text(r, "OTEL_SERVICE_NAME");
    const char *kept;

    kept = otel_join(r, slice_from_string(service), SLICE(""));
    if (kept != NULL) {
        set_attribute(resource, SLICE("service.name"), slice_from_string(kept));
    }
    set_attribute(resource, SLICE("telemetry.sdk.name"), SLICE("larder"));
    set_attribute(resource, SLICE("telemetry.sdk.language"), SLICE("c"));
    set_attribute(resource, SLICE("telemetry.sdk.version"), SLICE(LARDER_VERSION));
    if (otel_pairs(r, otel_text(r, "OTEL_RESOURCE_ATTRIBUTES"), add_attribute, &listed)) {
        for (size_t i = 0; i < listed.count; i++) {
            if (!set_attribute(resource, listed.attributes[i].key, listed.attributes[i].value)) {
                otel_warn(r, "OTEL_RESOURCE_ATTRIBUTES has too many attributes");
                break;
            }
        }
    } else if (!r->failed) {
        otel_warn(r, "OTEL_RESOURCE_ATTRIBUTES is no list of key=value, and is passed over");
    }
    if (name.size > 0 && (kept = otel_join(r, name, SLICE(""))) != NULL) {
        set_attribute(resource, SLICE("service.name"), slice_from_string(kept));
    }
}

static void read_sampler(struct otel_reader *r) {
    struct slice name = otel_text(r, "OTEL_TRACES_SAMPLER"), argument = otel_text(r, "OTEL_TRACES_SAMPLER_ARG");

    r->settings->sampler = (struct sampler){.by_parent = true, .bound = SAMPLER_ALL};
    if (name.size == 0 || sampler_parse(name, argument, &r->settings->sampler)) {
        return;
    }
    if (sampler_parse(name, SLICE(""), &r->settings->sampler)) {
        otel_warn(r, "OTEL_TRACES_SAMPLER_ARG is no ratio from 0 to 1: 1 is taken");
    } else {
        otel_warn(r, "OTEL_TRACES_SAMPLER: %.*s is not supported; parentbased_always_on is taken",
                  (int)(name.size < 40 ? name.size : 40), name.data);
    }
}

static void read_batches(struct otel_reader *r) {
    struct otel_settings *s = r->settings;

    s->schedule_delay_ms = otel_number(r, "OTEL_BSP_SCHEDULE_DELAY", SCHEDULE_DELAY_MS, 1, MS_MAX);
    s->queue_max = otel_number(r, "OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_SIZE, 1, OTEL_QUEUE_MAX);
    s->batch_max = otel_number(r, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH_SIZE, 1, OTEL_QUEUE_MAX);
    s->export_timeout_ms = otel_number(r, "OTEL_BSP_EXPORT_TIMEOUT", EXPORT_TIMEOUT_MS, 1, MS_MAX);
    s->metric_interval_ms = otel_number(r, "OTEL_METRIC_EXPORT_INTERVAL", METRIC_INTERVAL_MS, 1, MS_MAX);
    if (s->batch_max > s->queue_max) {
        s->batch_max = s->queue_max;
    }
}

enum larder_error otel_settings_init(struct otel_settings *s, otel_lookup_fn *lookup, void *lookup_ctx,
                                     const char *service, otel_warn_fn *warn, void *warn_ctx) {
    struct otel_reader r = {
        .settings = s, .lookup = lookup, .lookup_ctx = lookup_ctx, .warn = warn, .warn_ctx = warn_ctx};

    *s = (struct otel_settings){.disabled = false};
    arena_init(&s->texts, TEXTS_MAX);
    s->disabled = otel_truth(&r, "OTEL_SDK_DISABLED");
    if (s->disabled) {
        return LARDER_OK;
    }
    read_resource(&r, service);
    read_sampler(&r);
    s->keeps_errors = otel_truth(&r, "LARDER_TRACES_ERRORS");
    read_batches(&r);
    read_signal(&r, &s->traces, "TRACES", "/v1/traces");
    read_signal(&r, &s->metrics, "METRICS", "/v1/metrics");
    if (r.failed) {
        otel_settings_fini(s);
        return LARDER_ERROR_NO_MEMORY;
    }
    return LARDER_OK;
}

void otel_settings_fini(struct otel_settings *s) {
    arena_fini(&s->texts);
}
