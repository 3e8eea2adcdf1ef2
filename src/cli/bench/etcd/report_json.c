/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bench/etcd/report.h"
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

static json_t *describe_endpoints(const struct etcd_target *target) {
    json_t *endpoints = json_array();
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < target->count; i++) {
        json_array_append_new(endpoints, json_string(address_format(&target->endpoints[i].address, text)));
    }
    return endpoints;
}

static json_t *describe_server(const struct etcd_target *target) {
    json_t *server = json_object();
    json_t *pids = json_array();

    for (size_t i = 0; i < target->pid_count; i++) {
        json_array_append_new(pids, json_integer((json_int_t)target->pids[i]));
    }
    json_object_set_new(server, "endpoints", describe_endpoints(target));
    json_object_set_new(server, "version", json_string(target->version));
    json_object_set_new(server, "pids", pids);
    return server;
}

static void describe_keys(json_t *load, const struct etcd_config *c) {
    put_integer(load, "key_size", c->key_size);
    put_integer(load, "key_space_size", c->key_space);
    json_object_set_new(load, "key_prefix", json_string(c->key_prefix));
    json_object_set_new(load, "sequential_keys", json_boolean(c->sequential));
    put_integer(load, "seed", c->seed);
}

static json_t *describe_text(const char *text) {
    return json_stringn_nocheck(text, strlen(text));
}

static void describe_kind(json_t *load, const struct etcd_config *c) {
    switch (c->kind) {
    case ETCD_TXN:
        put_integer(load, "txn_ops", c->txn_ops);
        /* fall through */
    case ETCD_PUT:
        describe_keys(load, c);
        put_integer(load, "val_size", c->value_size);
        break;
    case ETCD_RANGE:
        if (c->key == NULL) {
            describe_keys(load, c);
        } else {
            json_object_set_new(load, "key", describe_text(c->key));
        }
        json_object_set_new(load, "consistency", json_string(c->serializable ? "s" : "l"));
        put_integer(load, "limit", c->limit);
        json_object_set_new(load, "count_only", json_boolean(c->count_only));
        break;
    case ETCD_WATCH:
        describe_keys(load, c);
        put_integer(load, "val_size", c->value_size);
        put_integer(load, "streams", c->streams);
        put_integer(load, "watch_per_stream", c->watch_per_stream);
        put_integer(load, "put_total", c->put_total);
        break;
    case ETCD_LEASE_GRANT:
    case ETCD_LEASE_KEEPALIVE:
        put_integer(load, "ttl", c->ttl);
        break;
    }
}

static json_t *describe_load(const struct etcd_config *c) {
    json_t *load = json_object();

    json_object_set_new(load, "kind", json_string(etcd_kind_name(c->kind)));
    put_integer(load, "conns", c->conns);
    put_integer(load, "clients", c->clients);
    put_integer(load, "threads", c->threads);
    put_integer(load, "total", c->total);
    put_real(load, "duration", (double)c->duration_ns / (double)CLOCK_NS_PER_S);
    put_real(load, "warmup", (double)c->warmup_ns / (double)CLOCK_NS_PER_S);
    put_integer(load, "rate", c->rate);
    describe_kind(load, c);
    return load;
}

static json_t *describe_latency(const struct histogram *h) {
    static const struct {
        const char *name;
        double quantile;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
    json_t *latency = json_object();

    put_real(latency, "mean", histogram_mean(h) / 1000.0);
    put_real(latency, "min", us(h->count == 0 ? 0 : h->min));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_real(latency, rows[i].name, us(histogram_quantile(h, rows[i].quantile)));
    }
    put_real(latency, "max", us(h->max));
    return latency;
}

static void describe_errors(json_t *run, const struct etcd_tally *t) {
    json_t *statuses = json_object();

    for (int i = 0; i < ETCD_STATUSES; i++) {
        if (t->statuses[i] > 0) {
            put_integer(statuses, etcd_status_name((enum grpc_status)i), t->statuses[i]);
        }
    }
    json_object_set_new(run, "statuses", statuses);
    put_integer(run, "errors", t->stats.errors);
    if (t->stats.errors > 0) {
        json_object_set_new(run, "first_error", json_string(t->stats.first_error));
    }
    put_integer(run, "wrong", t->wrong);
    if (t->wrong > 0) {
        json_object_set_new(run, "first_wrong", json_string(t->first_wrong));
    }
}

static json_t *describe_memory(const struct process_memory *memory) {
    json_t *object = json_object();

    put_integer(object, "resident_bytes", memory->resident);
    put_integer(object, "anonymous_bytes", memory->anonymous);
    put_integer(object, "file_bytes", memory->file);
    return object;
}

static void describe_watch(json_t *run, const struct etcd_config *config, const struct etcd_result *result) {
    double watchers = (double)etcd_config_watchers(config);

    put_integer(run, "watchers", etcd_config_watchers(config));
    put_integer(run, "puts", result->tally.puts);
    put_integer(run, "events_expected", result->expected);
    if (result->tally.puts > 0) {
        json_object_set_new(run, "put_latency_us", describe_latency(&result->tally.put_latency));
    }
    if (result->memory_measured) {
        put_real(run, "resident_bytes_per_watcher",
                 ((double)result->after.resident - (double)result->before.resident) / watchers);
        put_real(run, "anonymous_bytes_per_watcher",
                 ((double)result->after.anonymous - (double)result->before.anonymous) / watchers);
    }
}

/* Of a watch, requests are events. */
static json_t *describe_run(const struct etcd_config *config, const struct etcd_result *result) {
    const struct etcd_tally *t = &result->tally;
    double seconds = (double)result->base.elapsed_ns / (double)CLOCK_NS_PER_S;
    double requests = (double)t->stats.requests;
    json_t *run = json_object();

    put_real(run, "seconds", seconds);
    put_integer(run, "requests", t->stats.requests);
    put_real(run, "requests_per_second", requests / seconds);
    describe_errors(run, t);
    if (config->kind == ETCD_RANGE) {
        put_integer(run, "keys", t->keys);
    }
    json_object_set_new(run, "latency_us", describe_latency(&t->stats.latency));
    if (requests > 0.0) {
        put_real(run, "client_cpu_us_per_request", us(result->base.client_cpu_ns) / requests);
    }
    if (requests > 0.0 && result->base.server_measured) {
        put_real(run, "server_cpu_us_per_request", us(result->base.server_cpu_ns) / requests);
    }
    if (result->memory_measured) {
        json_object_set_new(run, "memory_before", describe_memory(&result->before));
        json_object_set_new(run, "memory_after", describe_memory(&result->after));
    }
    if (config->kind == ETCD_WATCH) {
        describe_watch(run, config, result);
    }
    put_integer(run, "max_calls", t->max_calls);
    return run;
}

static json_t *describe_runs(const struct etcd_config *config, const struct etcd_result *results, size_t rounds) {
    json_t *runs = json_array();

    for (size_t i = 0; i < rounds; i++) {
        json_array_append_new(runs, describe_run(config, &results[i]));
    }
    return runs;
}

static json_t *describe_ratios(const struct etcd_result *targets, const struct etcd_result *rivals, size_t rounds) {
    struct run_result *above = etcd_report_bases(targets, rounds);
    struct run_result *below = etcd_report_bases(rivals, rounds);
    json_t *ratios = above == NULL || below == NULL ? json_object() : report_ratios_json(above, below, rounds);

    free(above);
    free(below);
    return ratios;
}

void etcd_report_json(const struct etcd_config *config, const struct etcd_target *target,
                      const struct etcd_result *targets, const struct etcd_target *rival,
                      const struct etcd_result *rivals, size_t rounds) {
    json_t *report = json_object();

    json_object_set_new(report, "server", describe_server(target));
    json_object_set_new(report, "load", describe_load(config));
    json_object_set_new(report, "runs", describe_runs(config, targets, rounds));
    if (rivals != NULL) {
        json_object_set_new(report, "rival", describe_server(rival));
        json_object_set_new(report, "rival_runs", describe_runs(config, rivals, rounds));
        json_object_set_new(report, "ratios", describe_ratios(targets, rivals, rounds));
    }
    json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    puts("");
    json_decref(report);
}
