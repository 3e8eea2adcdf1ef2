/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/json_out.h"
#include "cli/simulate/report.h"

static double ms(double ns) {
    return ns / (double)CLOCK_NS_PER_MS;
}

static void put(json_t *object, const char *name, uint64_t number) {
    json_set(object, name, json_integer((json_int_t)number));
}

static json_t *describe_plan(const struct simulate_config *config, const struct simulate_plan *plan) {
    json_t *object = json_object();

    put(object, "iterations", config->iterations);
    put(object, "seed", config->seed);
    put(object, "create", plan->counts[SIMULATE_CREATE]);
    put(object, "retrieve", plan->counts[SIMULATE_RETRIEVE]);
    put(object, "delete", plan->counts[SIMULATE_DELETE]);
    put(object, "keys", plan->live);
    return object;
}

static json_t *describe_latency(const struct histogram *h) {
    static const struct {
        const char *name;
        double quantile;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
    json_t *object = json_object();

    put(object, "count", h->count);
    json_set(object, "mean", json_real(ms(histogram_mean(h))));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_set(object, rows[i].name, json_real(ms((double)histogram_quantile(h, rows[i].quantile))));
    }
    json_set(object, "max", json_real(ms((double)h->max)));
    return object;
}

static json_t *describe_weather(const struct simulate_tally *t) {
    const struct etcd_figures *f = &t->figures;
    json_t *object = json_object();

    put(object, "failovers", f->failovers);
    json_set(object, "failover_ms", json_real(ms((double)f->failover_ns)));
    json_set(object, "failover_max_ms", json_real(ms((double)f->failover_max_ns)));
    put(object, "retries", f->retries);
    put(object, "connections_lost", f->connections_lost);
    put(object, "repeated", t->repeated);
    put(object, "unknown", f->unknown);
    return object;
}

static json_t *describe_trouble(const struct simulate_trouble *trouble) {
    char device[SIMULATE_DEVICE_MAX];
    json_t *object = json_object();

    put(object, "operation", trouble->at + 1);
    json_set(object, "kind", json_string(simulate_kind_name(trouble->operation.kind)));
    json_set(object, "device", json_string(simulate_device_text(trouble->operation.device.number, device)));
    json_set(object, "why", json_string(trouble->why));
    return object;
}

static json_t *describe_wrongs(const struct simulate_tally *t) {
    json_t *array = json_array();

    for (uint64_t i = 0; i < t->wrong && i < SIMULATE_WRONG_SHOWN; i++) {
        json_array_append_new(array, describe_trouble(&t->wrongs[i]));
    }
    return array;
}

static json_t *describe_member(const struct simulate_member *m) {
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];
    json_t *object = json_object();

    json_set(object, "endpoint", json_string(etcd_endpoint_format(&m->endpoint, endpoint)));
    json_set(object, "name", json_string(m->name));
    json_set(object, "counted", json_boolean(m->counted));
    json_set(object, "keys", m->revision > 0 ? json_integer(m->count) : json_null());
    json_set(object, "revision", m->revision > 0 ? json_integer(m->revision) : json_null());
    if (!m->counted) {
        json_set(object, "trouble", json_string(m->trouble));
    }
    return object;
}

static json_t *describe_members(const struct simulate_count *count) {
    json_t *array = json_array();

    for (size_t i = 0; i < count->member_count; i++) {
        json_array_append_new(array, describe_member(&count->members[i]));
    }
    return array;
}

static json_t *describe_latencies(const struct simulate_tally *t) {
    json_t *object = json_object();

    for (int kind = 0; kind < SIMULATE_KINDS; kind++) {
        json_set(object, simulate_kind_name((enum simulate_kind)kind), describe_latency(&t->latency[kind]));
    }
    return object;
}

static void put_run(json_t *object, const struct simulate_tally *t) {
    double seconds = (double)t->elapsed_ns / (double)CLOCK_NS_PER_S;

    put(object, "done", t->done);
    json_set(object, "seconds", json_real(seconds));
    json_set(object, "operations_per_second", json_real((double)t->done / (seconds + 1e-9)));
    json_set(object, "cpu_us_per_operation",
             json_real(t->done == 0 ? 0.0 : (double)t->cpu_ns / 1000.0 / (double)t->done));
    json_set(object, "latency_ms", describe_latencies(t));
    json_set(object, "weather", describe_weather(t));
    put(object, "wrong", t->wrong);
    json_set(object, "wrongs", describe_wrongs(t));
    json_set(object, "failure", t->failed ? describe_trouble(&t->failure) : json_null());
}

void simulate_report_json(const struct simulate_outcome *o) {
    json_t *object = json_object();

    json_set(object, "good", json_boolean(simulate_report_is_good(o)));
    json_set(object, "interrupted", json_boolean(o->interrupted));
    json_set(object, "clients", json_integer((json_int_t)o->config->clients));
    json_set_bytes(object, "prefix", slice_from_string(o->config->prefix));
    json_set(object, "plan", describe_plan(o->config, o->plan));
    put_run(object, o->tally);
    if (o->count != NULL) {
        put(object, "keys", (uint64_t)o->count->total);
        put(object, "revision", (uint64_t)o->count->revision);
        json_set(object, "members", describe_members(o->count));
    }
    json_print_line(object);
}

void simulate_report_plan_json(const struct simulate_config *config, const struct simulate_plan *plan) {
    json_print_line(describe_plan(config, plan));
}
