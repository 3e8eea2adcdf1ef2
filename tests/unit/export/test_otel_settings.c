/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "export/otel_settings.h"

/* An environment: "NAME=value" texts. */
struct world {
    const char *const *variables;
    char warnings[2048];
    size_t warning_count;
};

static const char *look_up(void *ctx, const char *name) {
    const struct world *w = ctx;
    size_t size = strlen(name);

    for (size_t i = 0; w->variables[i] != NULL; i++) {
        if (strncmp(w->variables[i], name, size) == 0 && w->variables[i][size] == '=') {
            return w->variables[i] + size + 1;
        }
    }
    return NULL;
}

static void warn(void *ctx, const char *warning) {
    struct world *w = ctx;
    size_t size = strlen(w->warnings);

    w->warning_count++;
    snprintf(w->warnings + size, sizeof(w->warnings) - size, "%s\n", warning);
}

#define READ(read, from, ...)                                                                                          \
    do {                                                                                                               \
        static const char *const variables[] = {__VA_ARGS__ __VA_OPT__(, ) NULL};                                      \
        (from) = (struct world){.variables = variables};                                                               \
        assert_int_equal(otel_settings_init(&(read), look_up, &(from), "unknown_service:test", warn, &(from)),         \
                         LARDER_OK);                                                                                   \
    } while (0)

static void assert_attribute(const struct otel_settings *s, const char *key, const char *value) {
    for (size_t i = 0; i < s->resource.count; i++) {
        if (slice_equal(s->resource.attributes[i].key, slice_from_string(key))) {
            assert_true(slice_equal(s->resource.attributes[i].value, slice_from_string(value)));
            return;
        }
    }
    fail_msg("no %s", key);
}

static void test_defaults(void **state) {
    struct otel_settings s;
    struct world w;

    (void)state;
    READ(s, w, "OTEL_SERVICE_NAME=", "OTEL_TRACES_SAMPLER= ", "OTEL_BSP_SCHEDULE_DELAY=");
    assert_false(s.disabled || s.keeps_errors);
    assert_true(s.traces.on && s.metrics.on);
    assert_string_equal(s.traces.url, "http://localhost:4318/v1/traces");
    assert_string_equal(s.metrics.url, "http://localhost:4318/v1/metrics");
    assert_int_equal(s.traces.timeout_ms, 10000);
    assert_int_equal(s.schedule_delay_ms, 5000);
    assert_int_equal(s.queue_max, 2048);
    assert_int_equal(s.batch_max, 512);
    assert_int_equal(s.export_timeout_ms, 30000);
    assert_int_equal(s.metric_interval_ms, 60000);
    assert_true(s.sampler.by_parent && s.sampler.bound == SAMPLER_ALL);
    assert_attribute(&s, "service.name", "unknown_service:test");
    assert_attribute(&s, "telemetry.sdk.name", "larder");
    assert_int_equal(w.warning_count, 0);
    otel_settings_fini(&s);
}

static void test_all_said(void **state) {
    struct otel_settings s;
    struct world w;

    (void)state;
    READ(s, w, "OTEL_SERVICE_NAME=shop",
         "OTEL_RESOURCE_ATTRIBUTES=service.name=other, deployment.environment = a%20b%2Cc ,",
         "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:1/base/", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://m/own",
         "OTEL_EXPORTER_OTLP_HEADERS=a=1,b=x%3Dy", "OTEL_EXPORTER_OTLP_METRICS_HEADERS=c=3",
         "OTEL_EXPORTER_OTLP_TIMEOUT=7", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=8", "OTEL_EXPORTER_OTLP_CERTIFICATE=/ca",
         "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_TRACES_EXPORTER=otlp", "OTEL_TRACES_SAMPLER=traceidratio",
         "OTEL_TRACES_SAMPLER_ARG=0.5", "LARDER_TRACES_ERRORS=True", "OTEL_BSP_SCHEDULE_DELAY=1",
         "OTEL_BSP_MAX_QUEUE_SIZE=2", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=3", "OTEL_BSP_EXPORT_TIMEOUT=4",
         "OTEL_METRIC_EXPORT_INTERVAL=5");
    assert_string_equal(s.traces.url, "http://c:1/base/v1/traces");
    assert_string_equal(s.metrics.url, "https://m/own");
    assert_int_equal(s.traces.field_count, 2);
    assert_string_equal(s.traces.fields[0], "a: 1");
    assert_string_equal(s.traces.fields[1], "b: x=y");
    assert_int_equal(s.metrics.field_count, 1);
    assert_string_equal(s.metrics.fields[0], "c: 3");
    assert_int_equal(s.traces.timeout_ms, 7);
    assert_int_equal(s.metrics.timeout_ms, 8);
    assert_string_equal(s.traces.ca_file, "/ca");
    assert_true(!s.sampler.by_parent && s.sampler.bound == SAMPLER_ALL / 2);
    assert_true(s.keeps_errors);
    assert_int_equal(s.schedule_delay_ms, 1);
    assert_int_equal(s.queue_max, 2);
    assert_int_equal(s.batch_max, 2); /* no batch is larger than the queue */
    assert_int_equal(s.export_timeout_ms, 4);
    assert_int_equal(s.metric_interval_ms, 5);
    assert_attribute(&s, "service.name", "shop");
    assert_attribute(&s, "deployment.environment", "a b,c");
    assert_string_equal(w.warnings, "");
    otel_settings_fini(&s);
}

static void test_off(void **state) {
    struct otel_settings s;
    struct world w;

    (void)state;
    READ(s, w, "OTEL_SDK_DISABLED=TRUE", "OTEL_TRACES_SAMPLER=nonsense");
    assert_true(s.disabled);
    assert_int_equal(w.warning_count, 0);
    otel_settings_fini(&s);
    READ(s, w, "OTEL_TRACES_EXPORTER=none", "OTEL_SDK_DISABLED=false");
    assert_false(s.disabled || s.traces.on);
    assert_true(s.metrics.on);
    otel_settings_fini(&s);
}

/* One warning each, and what would hold without it. */
static void test_nonsense(void **state) {
    struct otel_settings s;
    struct world w;

    (void)state;
    READ(s, w, "OTEL_SDK_DISABLED=1", "OTEL_TRACES_EXPORTER=zipkin", "OTEL_METRICS_EXPORTER=none",
         "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
         "OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_EXPORTER_OTLP_HEADERS=a=1,b", "OTEL_EXPORTER_OTLP_TIMEOUT=-1",
         "OTEL_TRACES_SAMPLER=jaeger_remote", "OTEL_RESOURCE_ATTRIBUTES=a=1,b=%zz", "OTEL_BSP_MAX_QUEUE_SIZE=0",
         "OTEL_BSP_SCHEDULE_DELAY=5s");
    assert_true(s.traces.on);
    assert_string_equal(s.traces.url, "http://localhost:4318/v1/traces");
    assert_int_equal(s.traces.field_count, 0);
    assert_int_equal(s.traces.timeout_ms, 10000);
    assert_int_equal(s.queue_max, 2048);
    assert_int_equal(s.schedule_delay_ms, 5000);
    assert_true(s.sampler.by_parent && s.sampler.bound == SAMPLER_ALL);
    assert_int_equal(s.resource.count, 4);
    assert_non_null(strstr(w.warnings, "grpc is not supported"));
    /* The timeout is read for each signal. */
    assert_int_equal(w.warning_count, 12);
    otel_settings_fini(&s);
}

static void test_bad_fields(void **state) {
    struct otel_settings s;
    struct world w;

    (void)state;
    READ(s, w, "OTEL_EXPORTER_OTLP_HEADERS=a=x%0d%0aInjected: 1", "OTEL_METRICS_EXPORTER=none");
    assert_int_equal(s.traces.field_count, 0);
    assert_int_equal(w.warning_count, 1);
    otel_settings_fini(&s);
    READ(s, w, "OTEL_EXPORTER_OTLP_HEADERS=a b=x", "OTEL_METRICS_EXPORTER=none");
    assert_int_equal(s.traces.field_count, 0);
    otel_settings_fini(&s);
}

static void test_ratio_is_bad(void **state) {
    struct otel_settings s;
    struct world w;

    (void)state;
    READ(s, w, "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=half");
    assert_true(!s.sampler.by_parent && s.sampler.bound == SAMPLER_ALL);
    assert_int_equal(w.warning_count, 1);
    otel_settings_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_all_said),   cmocka_unit_test(test_off),
        cmocka_unit_test(test_nonsense), cmocka_unit_test(test_bad_fields), cmocka_unit_test(test_ratio_is_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
