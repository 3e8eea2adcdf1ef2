/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate/dump.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/simulate/scenario.h"
#include "cli/subcommand.h"

static void write_operations(const struct simulate_config *config, struct scenario *scenario, FILE *to) {
    char device[SIMULATE_DEVICE_MAX];
    char ip[SIMULATE_IP_MAX];

    for (uint64_t i = 0; i < config->iterations && ferror(to) == 0; i++) {
        const struct simulate_operation operation = scenario_next(scenario);

        fprintf(to, "%s %s %s\n", simulate_kind_name(operation.kind),
                simulate_device_text(operation.device.number, device), simulate_ip_text(operation.device.ip, ip));
    }
}

static int complain(const char *what, const char *why) {
    fprintf(stderr, SIMULATE_PROGRAM ": %s: %s\n", what, why);
    return EXIT_CODE_USAGE;
}

static int dump_to(const struct simulate_config *config, struct scenario *scenario) {
    FILE *to = fopen(config->dump, "we");
    bool written;

    if (to == NULL) {
        return complain(config->dump, strerror(errno));
    }
    write_operations(config, scenario, to);
    written = ferror(to) == 0;
    if (fclose(to) != 0 || !written) {
        return complain(config->dump, "could not be written whole; is the disk full?");
    }
    return EXIT_CODE_OK;
}

int simulate_dump(const struct simulate_config *config) {
    struct scenario scenario;
    int code = EXIT_CODE_OK;

    if (!scenario_init(&scenario, config->seed, config->iterations)) {
        fprintf(stderr, SIMULATE_PROGRAM ": out of memory; fewer --iterations help\n");
        return EXIT_CODE_FAILURE;
    }
    if (strcmp(config->dump, "-") == 0) {
        write_operations(config, &scenario, stdout);
    } else {
        code = dump_to(config, &scenario);
    }
    scenario_fini(&scenario);
    return code;
}
