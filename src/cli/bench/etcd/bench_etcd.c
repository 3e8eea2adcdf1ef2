/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/bench_etcd.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/bench/etcd/config_rows.h"
#include "cli/bench/etcd/report.h"
#include "cli/bench/prepare.h"
#include "cli/bench/report.h"
#include "cli/subcommand.h"

/* Both sides of a comparison; without a rival its part stays empty. */
struct contest {
    const struct etcd_config *config;
    struct etcd_target target;
    struct etcd_target rival;
    struct etcd_result *targets; /* as many as rounds */
    struct etcd_result *rivals;
};

static bool has_rival(const struct etcd_config *config) {
    return config->rival.count > 0;
}

static bool run_one(const struct contest *contest, const struct etcd_target *target, size_t round,
                    const struct progress *progress, struct etcd_result *ret_result) {
    const struct etcd_config *config = contest->config;
    char text[ADDRESS_TEXT_MAX];

    if (!etcd_run(config, target, progress, ret_result)) {
        return false;
    }
    if (!config->json) {
        if (has_rival(config)) {
            printf("round %zu, %s:\n", round + 1, address_format(&target->endpoints[0].address, text));
        }
        etcd_report_text(config, ret_result);
        fflush(stdout);
    }
    return true;
}

static bool run_rounds(struct contest *contest, const struct progress *progress) {
    const struct etcd_config *config = contest->config;
    size_t rounds = has_rival(config) ? config->rounds : 1;

    for (size_t i = 0; i < rounds; i++) {
        if (!run_one(contest, &contest->target, i, progress, &contest->targets[i]) ||
            (has_rival(config) && !run_one(contest, &contest->rival, i, progress, &contest->rivals[i]))) {
            return false;
        }
    }
    return true;
}

static bool report_whole(const struct contest *contest) {
    const struct etcd_config *config = contest->config;
    size_t rounds = has_rival(config) ? config->rounds : 1;
    bool good = true;

    if (config->json) {
        etcd_report_json(config, &contest->target, contest->targets, has_rival(config) ? &contest->rival : NULL,
                         has_rival(config) ? contest->rivals : NULL, rounds);
    } else if (has_rival(config)) {
        etcd_report_ratios(contest->targets, contest->rivals, rounds);
    }
    for (size_t i = 0; i < rounds; i++) {
        good = good && etcd_report_is_good(&contest->targets[i]) &&
               (!has_rival(config) || etcd_report_is_good(&contest->rivals[i]));
    }
    return good;
}

static bool find_servers(struct contest *contest) {
    const struct etcd_config *config = contest->config;

    return etcd_target_find(&contest->target, config, &config->target, config->server_pid) &&
           (!has_rival(config) || etcd_target_find(&contest->rival, config, &config->rival, config->rival_pid));
}

static bool measure_and_report(struct contest *contest, const struct progress *progress) {
    if (!find_servers(contest)) {
        return false;
    }
    if (!contest->config->json) {
        etcd_report_load(contest->config, &contest->target);
        fflush(stdout);
    }
    return run_rounds(contest, progress) && report_whole(contest);
}

static int bench(const struct etcd_config *config) {
    struct contest *contest = calloc(1, sizeof(*contest));
    struct progress progress;
    bool good = false;

    progress_init(&progress, config->quiet);
    if (contest != NULL) {
        contest->config = config;
        contest->targets = calloc(config->rounds, sizeof(*contest->targets));
        contest->rivals = calloc(config->rounds, sizeof(*contest->rivals));
    }
    if (contest == NULL || contest->targets == NULL || contest->rivals == NULL) {
        fputs("larder bench: out of memory\n", stderr);
    } else {
        good = measure_and_report(contest, &progress);
    }
    if (contest != NULL) {
        free(contest->targets);
        free(contest->rivals);
    }
    free(contest);
    return good ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

int bench_etcd(int argc, char **argv) {
    struct etcd_config config;

    switch (etcd_config_read(argc, argv, &config)) {
    case OPTIONS_HELP:
        etcd_rows_print_help(config.kind);
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    return prepare_process(&config.pins) ? bench(&config) : EXIT_CODE_FAILURE;
}
