/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/bench/table/report.h"
#include "cli/json_out.h"

static json_t *integer(uint64_t number) {
    return json_integer((json_int_t)number);
}

static json_t *describe_server(const struct table_side *side) {
    json_t *server = json_object();
    json_t *endpoints = json_array();
    json_t *pids = json_array();
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < side->target.count; i++) {
        json_array_append_new(endpoints, json_string(address_format(&side->target.endpoints[i].address, text)));
    }
    for (size_t i = 0; i < side->target.pid_count; i++) {
        json_array_append_new(pids, integer(side->target.pids[i]));
    }
    json_set(server, "name", json_string(side->name));
    json_set(server, "endpoints", endpoints);
    json_set(server, "version", json_string(side->target.version));
    json_set(server, "pids", pids);
    return server;
}

static json_t *describe_latency(const struct histogram *h) {
    static const struct {
        const char *name;
        double quantile;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
    json_t *latency = json_object();

    json_set(latency, "mean", json_real(histogram_mean(h) / 1000.0));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_set(latency, rows[i].name, json_real((double)histogram_quantile(h, rows[i].quantile) / 1000.0));
    }
    json_set(latency, "max", json_real((double)h->max / 1000.0));
    return latency;
}

/* null: not known. */
static json_t *describe_memory(const struct table_cell *cell) {
    json_t *memory = json_array();

    if (cell->resident_count == 0) {
        json_decref(memory);
        return json_null();
    }
    for (size_t i = 0; i < cell->resident_count; i++) {
        json_array_append_new(memory, integer(cell->resident[i]));
    }
    return memory;
}

static void describe_counts(json_t *object, const struct etcd_tally *tally) {
    json_set(object, "requests", integer(tally->stats.requests));
    json_set(object, "errors", integer(tally->stats.errors));
    json_set(object, "wrong", integer(tally->wrong));
    if (tally->stats.errors > 0) {
        json_set_bytes(object, "first_error", slice_from_string(tally->stats.first_error));
    }
    if (tally->wrong > 0) {
        json_set_bytes(object, "first_wrong", slice_from_string(tally->first_wrong));
    }
}

/* Figures stand only where they are a result. */
static json_t *describe_cell(const struct table_side *side, const struct table_cell *cell) {
    const struct run_result *base = &cell->result.base;
    json_t *object = json_object();

    json_set(object, "server", json_string(side->name));
    json_set(object, "state", json_string(table_state_text(cell->state)));
    if (cell->state == TABLE_MEASURED || cell->state == TABLE_REFUSED) {
        describe_counts(object, &cell->result.tally);
    }
    if (cell->state == TABLE_MEASURED) {
        json_set(object, "seconds", json_real((double)base->elapsed_ns / (double)CLOCK_NS_PER_S));
        json_set(object, "requests_per_second", json_real(table_rate(cell)));
        json_set(object, "latency_us", describe_latency(&cell->result.tally.stats.latency));
        json_set(object, "client_cpu_us_per_request",
                 json_real((double)base->client_cpu_ns / 1000.0 / (double)base->stats.requests));
        json_set(object, "server_rss_bytes", describe_memory(cell));
    }
    return object;
}

static json_t *describe_row(const struct table *table, size_t number) {
    const struct table_row *row = &table->rows[number];
    const struct table_cell *cells = table->cells[number];
    json_t *object = json_object();
    json_t *results = json_array();

    json_set(object, row->kind == ETCD_PUT ? "keys" : "requests", integer(row->total));
    json_set(object, "key_size", integer(table_plan_key_size(table->config)));
    json_set(object, "value_size", integer(TABLE_VALUE_SIZE));
    json_set(object, "conns", integer(row->conns));
    json_set(object, "clients", integer(row->clients));
    json_set(object, row->kind == ETCD_PUT ? "target" : "consistency", json_string(table_plan_aim(row)));
    for (size_t side = 0; side < table->side_count; side++) {
        json_array_append_new(results, describe_cell(&table->sides[side], &cells[side]));
    }
    json_set(object, "results", results);
    if (table_has_ratio(table, number)) {
        json_t *ratios = json_object();

        json_set(ratios, "requests_per_second", json_real(table_rate(&cells[0]) / table_rate(&cells[1])));
        json_set(ratios, "mean_latency", json_real(table_mean_ms(&cells[0]) / table_mean_ms(&cells[1])));
        json_set(object, "ratios", ratios);
    }
    return object;
}

static json_t *describe_part(const struct table *table, enum etcd_kind kind) {
    json_t *rows = json_array();

    for (size_t i = 0; i < table->row_count; i++) {
        if (table->rows[i].kind == kind) {
            json_array_append_new(rows, describe_row(table, i));
        }
    }
    return rows;
}

void table_report_json(const struct table *table) {
    json_t *report = json_object();
    json_t *servers = json_array();

    for (size_t i = 0; i < table->side_count; i++) {
        json_array_append_new(servers, describe_server(&table->sides[i]));
    }
    json_set(report, "servers", servers);
    json_set(report, "scale", json_real(table->config->scale));
    json_set_bytes(report, "key_prefix", slice_from_string(table->config->key_prefix));
    json_set(report, "seed", integer(table->config->seed));
    json_set(report, "writes", describe_part(table, ETCD_PUT));
    json_set(report, "reads", describe_part(table, ETCD_RANGE));
    json_set(report, "complete", json_boolean(table_is_complete(table)));
    json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    puts("");
    json_decref(report);
}
