/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/table/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/bench/etcd/report.h"
#include "cli/bench/table/keys.h"

static bool find_servers(struct table *table) {
    const struct table_row all = {.kind = ETCD_PUT, .total = 1, .conns = 1, .clients = 1};
    struct etcd_config load;

    table_plan_load(table->config, &all, &load);
    for (size_t i = 0; i < table->side_count; i++) {
        if (!etcd_target_find(&table->sides[i].target, &load, table->sides[i].endpoints, 0)) {
            return false;
        }
    }
    return true;
}

struct table *table_new(const struct table_config *config) {
    static const char *const names[TABLE_SIDES] = {"A", "B"};
    const struct etcd_endpoints *endpoints[TABLE_SIDES] = {&config->target, &config->rival};
    struct table *table = calloc(1, sizeof(*table));

    if (table == NULL) {
        fputs("larder bench: out of memory\n", stderr);
        return NULL;
    }
    table->config = config;
    table->row_count = table_plan(config, table->rows);
    table->side_count = config->rival.count > 0 ? 2 : 1;
    for (size_t i = 0; i < table->side_count; i++) {
        table->sides[i].endpoints = endpoints[i];
        table->sides[i].name = names[i];
    }
    if (!find_servers(table)) {
        free(table);
        return NULL;
    }
    return table;
}

static void look_at_memory(const struct etcd_target *target, struct table_cell *cell) {
    cell->resident_count = 0;
    for (size_t i = 0; i < target->pid_count; i++) {
        if (process_resident(target->pids[i], &cell->resident[i]) != LARDER_OK) {
            return; /* the part that can be seen would pass for the whole */
        }
    }
    cell->resident_count = target->pid_count;
}

/* The servers are looked for anew: the leader may be another one than before. */
static bool measure(const struct table *table, const struct table_side *side, const struct table_row *row,
                    const struct progress *progress, struct table_cell *cell) {
    struct etcd_config load;
    struct etcd_target *target = malloc(sizeof(*target));
    bool done;

    table_plan_load(table->config, row, &load);
    if (target == NULL) {
        fputs("larder bench: out of memory\n", stderr);
        return false;
    }
    done = etcd_target_find(target, &load, side->endpoints, 0) &&
           (row->kind == ETCD_PUT || table_keys_are_there(table->config, target)) &&
           etcd_run(&load, target, progress, &cell->result);
    free(target);
    return done;
}

/* Every read draws one key, so there are as many keys as answers. */
static bool is_good(const struct table_row *row, const struct etcd_result *result) {
    return etcd_report_is_good(result) && result->tally.stats.requests == row->total &&
           (row->kind == ETCD_PUT || result->tally.keys == row->total);
}

static void run_cell(struct table *table, size_t row, size_t side, const struct progress *progress) {
    struct table_cell *cell = &table->cells[row][side];
    struct progress own = *progress;
    char prefix[64];

    snprintf(prefix, sizeof(prefix), "%zu/%zu %s  ", row * table->side_count + side + 1,
             table->row_count * table->side_count, table->sides[side].name);
    own.prefix = prefix;
    if (!measure(table, &table->sides[side], &table->rows[row], &own, cell)) {
        cell->state = TABLE_FAILED;
        table->sides[side].failed = true;
        return;
    }
    cell->state = is_good(&table->rows[row], &cell->result) ? TABLE_MEASURED : TABLE_REFUSED;
    look_at_memory(&table->sides[side].target, cell);
}

void table_run_row(struct table *table, size_t row, const struct progress *progress) {
    for (size_t side = 0; side < table->side_count; side++) {
        if (!table->sides[side].failed) {
            run_cell(table, row, side, progress);
        }
    }
}

bool table_is_complete(const struct table *table) {
    for (size_t row = 0; row < table->row_count; row++) {
        for (size_t side = 0; side < table->side_count; side++) {
            if (table->cells[row][side].state != TABLE_MEASURED) {
                return false;
            }
        }
    }
    return true;
}

double table_rate(const struct table_cell *cell) {
    const struct run_result *base = &cell->result.base;

    return (double)base->stats.requests * (double)CLOCK_NS_PER_S / (double)base->elapsed_ns;
}

double table_mean_ms(const struct table_cell *cell) {
    return histogram_mean(&cell->result.tally.stats.latency) / (double)CLOCK_NS_PER_MS;
}

bool table_has_ratio(const struct table *table, size_t row) {
    return table->side_count == 2 && table->cells[row][0].state == TABLE_MEASURED &&
           table->cells[row][1].state == TABLE_MEASURED;
}

const char *table_state_text(enum table_state state) {
    static const char *const texts[] = {[TABLE_NOT_RUN] = "not run",
                                        [TABLE_MEASURED] = "measured",
                                        [TABLE_REFUSED] = "errors",
                                        [TABLE_FAILED] = "failed"};

    return texts[state];
}
