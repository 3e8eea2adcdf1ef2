/* SPDX-License-Identifier: Apache-2.0 */
#include "export/prometheus.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "export/writer.h"

static void write_bytes(struct writer *w, const void *data, size_t size) {
    if (w->error == LARDER_OK) {
        w->error = buf_append(w->out, data, size);
    }
}

/* A label's value may hold any UTF-8 but needs these three escaped. Other control bytes and what is not ASCII are shown
 * as \xHH, because a group's name comes from a file and must not break the text or its reader. */
static void write_label_value(struct writer *w, struct slice value) {
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (c == '\n') {
            write_bytes(w, "\\n", 2);
        } else if (c == '\\' || c == '"') {
            write_bytes(w, (char[]){'\\', (char)c}, 2);
        } else if (c < 0x20 || c > 0x7e) {
            WRITE(w, "\\\\x%02x", c);
        } else {
            write_bytes(w, &value.data[i], 1);
        }
    }
}

static const char *type_text(enum metric_type type) {
    switch (type) {
    case METRIC_TYPE_COUNTER:
        return "counter";
    case METRIC_TYPE_GAUGE:
        return "gauge";
    case METRIC_TYPE_HISTOGRAM:
        return "histogram";
    }
    assert(false);
    return "untyped";
}

static void write_head(struct writer *w, enum metric metric) {
    const struct metric_info *info = &metric_infos[metric];

    WRITE(w, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name, type_text(info->type));
}

/* Seconds out of nanoseconds, exactly. */
static void write_seconds(struct writer *w, uint64_t ns) {
    WRITE(w, "%" PRIu64 ".%09" PRIu64 "\n", ns / (uint64_t)CLOCK_NS_PER_S, ns % (uint64_t)CLOCK_NS_PER_S);
}

/* Of a histogram buckets and counts are numbers, whatever the unit is. */
static bool is_in_seconds(const struct metric_info *info, const char *suffix) {
    return info->unit == METRIC_UNIT_SECONDS && (info->type != METRIC_TYPE_HISTOGRAM || strcmp(suffix, "_sum") == 0);
}

static void write_plain(struct writer *w, const struct series_info *series, uint64_t value) {
    const struct metric_info *info = &metric_infos[series->metric];

    if (series->labels[0] != '\0') {
        WRITE(w, "%s%s{%s} ", info->name, series->suffix, series->labels);
    } else {
        WRITE(w, "%s%s ", info->name, series->suffix);
    }
    if (is_in_seconds(info, series->suffix)) {
        write_seconds(w, value);
    } else {
        WRITE(w, "%" PRIu64 "\n", value);
    }
}

static void write_series_labels(struct writer *w, const struct prometheus_input *input,
                                const struct telemetry_total *total) {
    assert(total->group < input->group_count);
    WRITE(w, "protocol=\"%s\",command=\"%s\",group=\"", protocol_label(total->protocol), command_label(total->command));
    write_label_value(w, input->group_names[total->group]);
    WRITE(w, "\",result=\"%s\"", result_class_label(total->result));
}

static void write_requests(struct writer *w, const struct prometheus_input *input) {
    const char *name = metric_infos[METRIC_REQUESTS].name;

    for (size_t i = 0; i < input->snapshot->total_count; i++) {
        const struct telemetry_total *total = &input->snapshot->totals[i];

        WRITE(w, "%s{", name);
        write_series_labels(w, input, total);
        WRITE(w, "} %" PRIu64 "\n", total->count);
    }
}

static void write_histogram(struct writer *w, const struct prometheus_input *input,
                            const struct telemetry_total *total) {
    const char *name = metric_infos[METRIC_REQUEST_DURATION].name;
    uint64_t count = 0;

    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        count += total->buckets[b];
        WRITE(w, "%s_bucket{", name);
        write_series_labels(w, input, total);
        WRITE(w, ",le=\"%s\"} %" PRIu64 "\n", b < LATENCY_BUCKETS - 1 ? latency_bound_texts[b] : "+Inf", count);
    }
    WRITE(w, "%s_sum{", name);
    write_series_labels(w, input, total);
    WRITE(w, "} ");
    write_seconds(w, total->sum_ns);
    WRITE(w, "%s_count{", name);
    write_series_labels(w, input, total);
    WRITE(w, "} %" PRIu64 "\n", count);
}

static void write_build(struct writer *w, const struct prometheus_input *input) {
    WRITE(w, "%s{version=\"", metric_infos[METRIC_BUILD].name);
    write_label_value(w, slice_from_string(input->version));
    WRITE(w, "\",compiler=\"");
    write_label_value(w, slice_from_string(__VERSION__));
    WRITE(w, "\"} 1\n");
}

/* Written by code of their own, with nothing to show at first. */
static bool is_always_there(enum metric metric) {
    return metric == METRIC_BUILD || metric == METRIC_REQUESTS || metric == METRIC_REQUEST_DURATION;
}

static bool is_counted(enum metric metric) {
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        if (counter_infos[i].metric == metric) {
            return true;
        }
    }
    return false;
}

/* Whether this node has no series of the family. */
static bool is_absent(const struct prometheus_input *input, enum metric metric) {
    if (is_always_there(metric) || is_counted(metric)) {
        return false;
    }
    for (size_t i = 0; i < input->series_count; i++) {
        if (input->series[i].metric == metric) {
            return false;
        }
    }
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        if (sample_infos[i].metric == metric && !input->samples->absent[i]) {
            return false;
        }
    }
    return true;
}

static void write_family(struct writer *w, const struct prometheus_input *input, enum metric metric) {
    if (is_absent(input, metric)) {
        return;
    }
    write_head(w, metric);
    if (metric == METRIC_BUILD) {
        write_build(w, input);
    } else if (metric == METRIC_REQUESTS) {
        write_requests(w, input);
    } else if (metric == METRIC_REQUEST_DURATION) {
        for (size_t i = 0; i < input->snapshot->total_count; i++) {
            write_histogram(w, input, &input->snapshot->totals[i]);
        }
    }
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        if (counter_infos[i].metric == metric) {
            write_plain(w, &counter_infos[i], input->snapshot->counters[i]);
        }
    }
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        if (sample_infos[i].metric == metric && !input->samples->absent[i]) {
            write_plain(w, &sample_infos[i], input->samples->values[i]);
        }
    }
    for (size_t i = 0; i < input->series_count; i++) {
        const struct prometheus_series *s = &input->series[i];

        if (s->metric == metric) {
            write_plain(w, &(struct series_info){.metric = metric, .suffix = s->suffix, .labels = s->labels}, s->value);
        }
    }
}

enum larder_error prometheus_label(struct buf *out, const char *name, struct slice value) {
    struct writer w = {.out = out, .error = LARDER_OK};

    WRITE(&w, "%s%s=\"", out->size > 0 ? "," : "", name);
    write_label_value(&w, value);
    write_bytes(&w, "\"", 1);
    return w.error;
}

enum larder_error prometheus_write(const struct prometheus_input *input, struct buf *out) {
    struct writer w = {.out = out, .error = LARDER_OK};

    for (unsigned metric = 0; metric < METRIC_COUNT && w.error == LARDER_OK; metric++) {
        write_family(&w, input, (enum metric)metric);
    }
    return w.error;
}
