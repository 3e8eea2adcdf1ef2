/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/bench/table/report.h"
#include "cli/human.h"

static const double MIB = 1024.0 * 1024.0;

void table_report_servers(const struct table *table) {
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < table->side_count; i++) {
        const struct etcd_target *target = &table->sides[i].target;

        printf("%s:", table->sides[i].name);
        for (size_t k = 0; k < target->count; k++) {
            printf("%s %s", k == 0 ? "" : ",", address_format(&target->endpoints[k].address, text));
        }
        printf("%s%s\n", target->version[0] == '\0' ? "" : "  version ", target->version);
    }
}

static void print_heading(const struct table *table, const struct table_row *row) {
    bool writes = row->kind == ETCD_PUT;

    printf("\n%s: keys of %" PRIu64 " bytes, values of %d bytes\n", writes ? "writes" : "reads",
           table_plan_key_size(table->config), TABLE_VALUE_SIZE);
    printf("%9s  %5s  %7s  %-12s  %-3s  %11s  %12s%s\n", writes ? "keys" : "requests", "conns", "clients",
           writes ? "target" : "consistency", "", writes ? "writes/s" : "reads/s", "mean latency",
           writes ? "  RSS of each server" : "");
}

static void print_memory(const struct table_cell *cell) {
    fputs("  ", stdout);
    for (size_t i = 0; i < cell->resident_count; i++) {
        printf("%s%.0f", i == 0 ? "" : " / ", (double)cell->resident[i] / MIB);
    }
    fputs(cell->resident_count == 0 ? "-" : " MiB", stdout);
}

static void print_trouble(const struct table_cell *cell) {
    const struct etcd_tally *tally = &cell->result.tally;

    if (cell->state != TABLE_REFUSED) {
        printf("no result: %s", table_state_text(cell->state));
    } else if (tally->stats.errors > 0) {
        printf("no result: %" PRIu64 " of %" PRIu64 " requests failed (the first: %s)", tally->stats.errors,
               tally->stats.requests, tally->stats.first_error);
    } else {
        printf("no result: %" PRIu64 " of %" PRIu64 " answers were wrong (the first: %s)", tally->wrong,
               tally->stats.requests, tally->first_wrong);
    }
}

static void print_cell(const struct table *table, size_t row, size_t side) {
    const struct table_cell *cell = &table->cells[row][side];
    char rate[HUMAN_TEXT_MAX];

    printf("%-3s  ", table->side_count > 1 ? table->sides[side].name : "");
    if (cell->state != TABLE_MEASURED) {
        print_trouble(cell);
    } else {
        printf("%11s  %9.3f ms", human_count((uint64_t)(table_rate(cell) + 0.5), rate), table_mean_ms(cell));
        if (table->rows[row].kind == ETCD_PUT) {
            print_memory(cell);
        }
    }
    puts("");
}

static void print_ratio(const struct table *table, size_t row) {
    const struct table_cell *cells = table->cells[row];

    if (table_has_ratio(table, row)) {
        printf("%39s  %-3s  %11.2f  %12.2f\n", "", "A/B", table_rate(&cells[0]) / table_rate(&cells[1]),
               table_mean_ms(&cells[0]) / table_mean_ms(&cells[1]));
    }
}

void table_report_row(const struct table *table, size_t number) {
    const struct table_row *row = &table->rows[number];
    char total[HUMAN_TEXT_MAX], clients[HUMAN_TEXT_MAX];

    if (number == 0 || table->rows[number - 1].kind != row->kind) {
        print_heading(table, row);
    }
    printf("%9s  %5" PRIu64 "  %7s  %-12s  ", human_count(row->total, total), row->conns,
           human_count(row->clients, clients), table_plan_aim(row));
    for (size_t side = 0; side < table->side_count; side++) {
        if (side > 0) {
            printf("%39s  ", "");
        }
        print_cell(table, number, side);
    }
    print_ratio(table, number);
    fflush(stdout);
}
