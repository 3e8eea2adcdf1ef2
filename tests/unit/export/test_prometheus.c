/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "export/prometheus.h"

static const struct slice group_names[] = {SLICE("default"), SLICE("a\"b\\c\nd\x01\xff")};

/* What a node that has done a little would show; the text is NUL-terminated for the caller, who frees it. */
static char *export(enum larder_error *ret_error, size_t limit) {
    struct telemetry *t = telemetry_new(1);
    struct worker_telemetry *w = telemetry_worker(t, 0);
    struct telemetry_samples samples;
    struct telemetry_snapshot snapshot;
    struct buf out;

    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        samples.values[i] = i + 1;
        samples.absent[i] = false;
    }
    samples.absent[SAMPLE_TABLE_MEMORY_LARGE] = true;
    samples.absent[SAMPLE_STORE_LEASES] = true;
    samples.values[SAMPLE_UPTIME] = 12345678901;
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        telemetry_count(w, (enum counter)i, i + 1);
    }
    telemetry_request(w, PROTOCOL_MEMCACHED, COMMAND_GET, 0, RESULT_CLASS_HIT);
    telemetry_batch_end(w, 3000);
    telemetry_request(w, PROTOCOL_MEMCACHED, COMMAND_GET, 0, RESULT_CLASS_HIT);
    telemetry_batch_end(w, 30000000000);
    telemetry_request(w, PROTOCOL_HTTP, COMMAND_METRICS, 1, RESULT_CLASS_OK);
    telemetry_batch_end(w, 1);
    assert_int_equal(telemetry_snapshot(t, &snapshot), LARDER_OK);
    buf_init(&out, limit);
    *ret_error = prometheus_write(&(struct prometheus_input){.snapshot = &snapshot,
                                                             .samples = &samples,
                                                             .group_names = group_names,
                                                             .group_count = 2,
                                                             .version = "1.2.3"},
                                  &out);
    telemetry_snapshot_fini(&snapshot);
    telemetry_free(t);
    if (*ret_error == LARDER_OK) {
        assert_int_equal(buf_append(&out, "", 1), LARDER_OK);
    }
    return out.data;
}

static char *export_all(void) {
    enum larder_error error;
    char *text = export(&error, 1 << 20);

    assert_int_equal(error, LARDER_OK);
    return text;
}

static void assert_line(const char *text, const char *line) {
    const char *found = strstr(text, line);

    if (found == NULL || (found != text && found[-1] != '\n') || found[strlen(line)] != '\n') {
        fail_msg("the line \"%s\" is missing in:\n%s", line, text);
    }
}

static void numbers_labels_and_units_are_written(void **state) {
    char *text = export_all();
    char line[200];

    (void)state;
    assert_line(text, "# TYPE larder_requests_total counter");
    assert_line(text, "# TYPE larder_request_duration_seconds histogram");
    assert_line(text, "# TYPE larder_table_items gauge");
    assert_line(text, "larder_uptime_seconds 12.345678901");
    snprintf(line, sizeof(line), "larder_limit_hits_total{limit=\"max-line\"} %d", COUNTER_LIMIT_MAX_LINE + 1);
    assert_line(text, line);
    snprintf(line, sizeof(line), "larder_table_memory_bytes{use=\"ghost\"} %d", SAMPLE_TABLE_MEMORY_GHOST + 1);
    assert_line(text, line);
    free(text);
}

static void what_a_node_has_not_is_left_out(void **state) {
    char *text = export_all();

    (void)state;
    assert_null(strstr(text, "use=\"large\""));
    assert_non_null(strstr(text, "use=\"spare\""));
    assert_null(strstr(text, "larder_store_leases"));
    assert_non_null(strstr(text, "larder_store_watchers"));
    free(text);
}

static void requests_are_written_as_they_happened(void **state) {
    static const char labels[] = "protocol=\"memcached\",command=\"get\",group=\"default\",result=\"hit\"";
    char *text = export_all();
    char line[300];

    (void)state;
    snprintf(line, sizeof(line), "larder_requests_total{%s} 2", labels);
    assert_line(text, line);
    snprintf(line, sizeof(line), "larder_request_duration_seconds_bucket{%s,le=\"2e-06\"} 0", labels);
    assert_line(text, line);
    snprintf(line, sizeof(line), "larder_request_duration_seconds_bucket{%s,le=\"5e-06\"} 1", labels);
    assert_line(text, line);
    snprintf(line, sizeof(line), "larder_request_duration_seconds_bucket{%s,le=\"10\"} 1", labels);
    assert_line(text, line);
    snprintf(line, sizeof(line), "larder_request_duration_seconds_bucket{%s,le=\"+Inf\"} 2", labels);
    assert_line(text, line);
    snprintf(line, sizeof(line), "larder_request_duration_seconds_sum{%s} 30.000003000", labels);
    assert_line(text, line);
    snprintf(line, sizeof(line), "larder_request_duration_seconds_count{%s} 2", labels);
    assert_line(text, line);
    assert_null(strstr(text, "result=\"miss\""));
    free(text);
}

static void a_strange_group_name_is_escaped(void **state) {
    char *text = export_all();

    (void)state;
    assert_line(text, "larder_requests_total{protocol=\"http\",command=\"metrics\","
                      "group=\"a\\\"b\\\\c\\nd\\\\x01\\\\xff\",result=\"ok\"} 1");
    free(text);
}

static void a_text_too_long_is_refused(void **state) {
    enum larder_error error;
    char *text = export(&error, 4096);

    (void)state;
    assert_int_equal(error, LARDER_ERROR_LIMIT);
    free(text);
}

/* Every row of the table has a text worth reading; the rest promtool knows better. */
static void every_metric_has_a_help_text(void **state) {
    (void)state;
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const char *help = metric_infos[i].help;

        assert_true(strlen(help) > 10);
        assert_int_equal(help[strlen(help) - 1], '.');
        assert_null(strpbrk(help, "\\\n"));
    }
}

static void promtool_has_nothing_to_remark(void **state) {
    char *text = export_all();
    char command[200];
    char path[] = "/tmp/larder-metrics-XXXXXX";
    int file = mkstemp(path);
    int status;

    (void)state;
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    /* Remarks end with status 3; anything printed is one too. */
    snprintf(command, sizeof(command),
             "out=$(promtool check metrics <%s 2>&1) && test -z \"$out\" || { echo \"$out\"; exit 1; }", path);
    status = system(command);
    unlink(path);
    free(text);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_labels_and_units_are_written),
        cmocka_unit_test(what_a_node_has_not_is_left_out),
        cmocka_unit_test(requests_are_written_as_they_happened),
        cmocka_unit_test(a_strange_group_name_is_escaped),
        cmocka_unit_test(a_text_too_long_is_refused),
        cmocka_unit_test(every_metric_has_a_help_text),
        cmocka_unit_test(promtool_has_nothing_to_remark),
    };

    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
