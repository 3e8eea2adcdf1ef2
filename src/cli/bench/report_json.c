/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/bench/ratios.h"
#include "cli/bench/report.h"

static double us(uint64_t ns) {
    return (double)ns / 1000.0;
}

static void put_integer(json_t *object, const char *name, uint64_t number) {
    json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void put_real(json_t *object, const char *name, double number) {
    json_object_set_new(object, name, json_real(number));
}

static json_t *describe_load(const struct bench_config *c) {
    static const char *const kinds[] = {
        [DISTRIBUTION_UNIFORM] = "uniform", [DISTRIBUTION_ZIPF] = "zipf", [DISTRIBUTION_SEQUENTIAL] = "sequential"};
    json_t *load = json_object();

    json_object_set_new(load, "protocol", json_string(bench_protocol_name(c->protocol)));
    put_integer(load, "connections", c->connections);
    put_integer(load, "threads", c->threads);
    put_integer(load, "pipeline", c->pipeline);
    put_integer(load, "keys_per_get", c->keys_per_get);
    if (c->trace != NULL) {
        json_object_set_new(load, "trace", json_string(c->trace));
        put_integer(load, "trace_scale", c->trace_scale);
        return load;
    }
    put_integer(load, "keys", c->keys);
    json_object_set_new(load, "key_prefix", json_string(c->key_prefix));
    put_integer(load, "key_size", c->key_size);
    put_integer(load, "value_size_min", c->value_size.min);
    put_integer(load, "value_size_max", c->value_size.max);
    json_object_set_new(load, "distribution", json_string(kinds[c->distribution.kind]));
    if (c->distribution.kind == DISTRIBUTION_ZIPF) {
        put_real(load, "theta", c->distribution.theta);
    }
    put_integer(load, "mix_get", c->mix.get);
    put_integer(load, "mix_set", c->mix.set);
    put_integer(load, "rate", c->rate);
    put_integer(load, "seed", c->seed);
    return load;
}

static json_t *describe_latency(const struct histogram *h) {
    json_t *latency = json_object();

    put_real(latency, "mean", histogram_mean(h) / 1000.0);
    put_real(latency, "p50", us(histogram_quantile(h, 0.5)));
    put_real(latency, "p90", us(histogram_quantile(h, 0.9)));
    put_real(latency, "p99", us(histogram_quantile(h, 0.99)));
    put_real(latency, "p99.9", us(histogram_quantile(h, 0.999)));
    put_real(latency, "p99.99", us(histogram_quantile(h, 0.9999)));
    put_real(latency, "max", us(h->max));
    return latency;
}

static void describe_cpu(json_t *run, const struct run_result *result) {
    double requests = (double)result->stats.requests;

    put_real(run, "client_cpu_us_per_request", us(result->client_cpu_ns) / requests);
    if (result->server_measured) {
        put_real(run, "server_cpu_us_per_request", us(result->server_cpu_ns) / requests);
        put_integer(run, "server_resident_bytes", result->server_resident);
    }
}

static json_t *describe_run(const struct bench_config *config, const struct run_result *result) {
    const struct stats *s = &result->stats;
    json_t *run = json_object();
    double seconds = (double)result->elapsed_ns / (double)CLOCK_NS_PER_S;

    put_real(run, "seconds", seconds);
    put_integer(run, "requests", s->requests);
    put_real(run, "requests_per_second", (double)s->requests / seconds);
    put_integer(run, "gets", s->gets);
    put_integer(run, "sets", s->sets);
    put_integer(run, "hits", s->hits);
    put_integer(run, "misses", s->misses);
    put_integer(run, "errors", s->errors);
    if (s->errors > 0) {
        json_object_set_new(run, "first_error", json_string(s->first_error));
    }
    put_integer(run, "wrong_sizes", s->wrong_sizes);
    put_integer(run, "bytes_read", s->bytes_read);
    put_integer(run, "bytes_written", s->bytes_written);
    if (config->trace != NULL) {
        put_real(run, "miss_ratio", (double)s->misses / (double)(s->hits + s->misses));
        put_real(run, "byte_miss_ratio", (double)s->bytes_missed / (double)s->bytes_asked);
    }
    json_object_set_new(run, "latency_us", describe_latency(&s->latency));
    describe_cpu(run, result);
    return run;
}

static json_t *describe_runs(const struct bench_config *config, const struct run_result *results, size_t rounds) {
    json_t *runs = json_array();

    for (size_t i = 0; i < rounds; i++) {
        json_array_append_new(runs, describe_run(config, &results[i]));
    }
    return runs;
}

json_t *report_ratios_json(const struct run_result *targets, const struct run_result *rivals, size_t rounds) {
    static const char *const names[] = {
#define X(field, json, text) json,
        FIGURES(X)
#undef X
    };
    struct ratio ratios[RATIO_COUNT];
    json_t *all = json_object();

    if (!ratios_of(targets, rivals, rounds, ratios)) {
        return all;
    }
    for (int i = 0; i < RATIO_COUNT; i++) {
        json_t *ratio = json_object();

        if (ratios[i].median > 0.0) {
            put_real(ratio, "median", ratios[i].median);
            put_real(ratio, "min", ratios[i].min);
            put_real(ratio, "max", ratios[i].max);
            json_object_set(all, names[i], ratio);
        }
        json_decref(ratio);
    }
    return all;
}

static json_t *describe_idle(const struct idle *idle) {
    json_t *object = json_object();

    put_integer(object, "connections", idle->count);
    put_integer(object, "unserved", idle->unserved);
    if (idle->measured) {
        put_integer(object, "resident_before_bytes", idle->resident_before);
        put_integer(object, "resident_after_bytes", idle->resident_after);
        put_real(object, "bytes_per_connection",
                 ((double)idle->resident_after - (double)idle->resident_before) / (double)idle->count);
    }
    return object;
}

void report_json(const struct bench_config *config, const struct subject *subject, const struct run_result *targets,
                 const struct run_result *rivals, size_t rounds, const struct idle *idle) {
    json_t *report = json_object();
    char text[ADDRESS_TEXT_MAX];

    json_object_set_new(report, "server", json_string(address_format(&subject->address, text)));
    json_object_set_new(report, "load", describe_load(config));
    json_object_set_new(report, "runs", describe_runs(config, targets, rounds));
    if (rivals != NULL) {
        json_object_set_new(report, "rival", json_string(address_format(&config->rival, text)));
        json_object_set_new(report, "rival_runs", describe_runs(config, rivals, rounds));
        json_object_set_new(report, "ratios", report_ratios_json(targets, rivals, rounds));
    }
    if (idle != NULL) {
        json_object_set_new(report, "idle", describe_idle(idle));
    }
    json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    puts("");
    json_decref(report);
}
