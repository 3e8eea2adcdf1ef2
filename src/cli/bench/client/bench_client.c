/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/client/bench_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/bench/client/report.h"
#include "cli/bench/prepare.h"
#include "cli/subcommand.h"

static int bench(const struct client_config *config) {
    struct client_report *report = malloc(sizeof(*report));
    struct progress progress;
    bool good;

    if (report == NULL) {
        fputs("larder bench client: out of memory\n", stderr);
        return EXIT_CODE_FAILURE;
    }
    progress_init(&progress, config->quiet);
    good = client_load(config, &progress, report);
    if (good) {
        (config->json ? client_report_json : client_report_text)(config, report);
        good = client_report_is_good(report);
    }
    free(report);
    return good ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

int bench_client(int argc, char **argv) {
    static struct client_config config; /* large */

    switch (client_config_read(argc - 1, argv + 1, &config)) {
    case OPTIONS_HELP:
        client_config_print_help();
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    return prepare_process(&config.pins) ? bench(&config) : EXIT_CODE_FAILURE;
}
