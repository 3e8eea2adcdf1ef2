/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/table/bench_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/prepare.h"
#include "cli/bench/table/report.h"
#include "cli/subcommand.h"

static void run_rows(struct table *table, const struct progress *progress) {
    bool told = !table->config->json;

    if (told) {
        table_report_servers(table);
    }
    for (size_t row = 0; row < table->row_count; row++) {
        table_run_row(table, row, progress);
        if (told) {
            table_report_row(table, row);
        }
    }
}

static bool complain(const char *path) {
    fprintf(stderr, "larder bench table: %s: %s\n", path, strerror(errno));
    return false;
}

static bool write_plot(const struct table *table, const char *path, FILE *to) {
    bool written;

    table_report_plot(table, to);
    written = ferror(to) == 0;
    written = fclose(to) == 0 && written;
    return written || complain(path);
}

/* Takes `plot` over; NULL: none is wanted. */
static bool report_whole(const struct table *table, FILE *plot) {
    bool drawn;

    if (table->config->json) {
        table_report_json(table);
    }
    drawn = plot == NULL || write_plot(table, table->config->plot, plot);
    return drawn && table_is_complete(table);
}

static int bench(const struct table_config *config, FILE *plot) {
    struct table *table = table_new(config);
    struct progress progress;
    bool good;

    if (table == NULL) {
        if (plot != NULL) {
            fclose(plot);
        }
        return EXIT_CODE_FAILURE;
    }
    progress_init(&progress, config->quiet);
    run_rows(table, &progress);
    good = report_whole(table, plot);
    free(table);
    return good ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

/* The picture's file is opened before anything is measured: to find out afterwards that it cannot be would be late. */
static int open_and_bench(const struct table_config *config) {
    FILE *plot = NULL;

    if (!prepare_process(&config->pins)) {
        return EXIT_CODE_FAILURE;
    }
    if (config->plot != NULL) {
        plot = fopen(config->plot, "we");
        if (plot == NULL) {
            complain(config->plot);
            return EXIT_CODE_USAGE;
        }
    }
    return bench(config, plot);
}

int bench_table(int argc, char **argv) {
    struct table_config config;

    switch (table_config_read(argc, argv, &config)) {
    case OPTIONS_HELP:
        table_config_print_help();
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    return open_and_bench(&config);
}
