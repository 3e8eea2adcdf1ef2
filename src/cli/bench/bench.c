/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/bench_service.h"
#include "cli/bench/client/bench_client.h"
#include "cli/bench/config.h"
#include "cli/bench/etcd/bench_etcd.h"
#include "cli/bench/etcd/config.h"
#include "cli/bench/idle.h"
#include "cli/bench/prepare.h"
#include "cli/bench/report.h"
#include "cli/bench/run.h"
#include "cli/bench/table/bench_table.h"
#include "cli/subcommand.h"

static bool find_subject(const struct bench_config *config, const struct address *address, uint64_t pid,
                         struct subject *ret_subject) {
    return subject_find(ret_subject, address, pid, config->protocol == BENCH_HTTP);
}

static bool run_kind(const struct bench_config *config, const struct subject *subject, enum workload_kind kind,
                     const struct trace *trace, const struct progress *progress, struct run_result *ret_result) {
    const struct run_plan plan = {
        .config = config, .subjects = subject, .subject_count = 1, .kind = kind, .trace = trace};

    return run_load(&plan, progress, ret_result);
}

/* A prefill that was refused would make the figures after it mean something else. */
static bool prefill(const struct bench_config *config, const struct subject *subject, const struct progress *progress) {
    struct run_result *result = malloc(sizeof(*result));
    bool stored = result != NULL && run_kind(config, subject, WORKLOAD_PREFILL, NULL, progress, result);

    if (stored && result->stats.errors > 0) {
        fprintf(stderr, "larder bench: %" PRIu64 " of %" PRIu64 " keys were not stored: %s\n", result->stats.errors,
                config->keys, result->stats.first_error);
        stored = false;
    }
    free(result);
    return stored;
}

static int finish_single(const struct bench_config *config, const struct subject *subject,
                         const struct run_result *result, const struct idle *idle) {
    if (config->json) {
        report_json(config, subject, result, NULL, 1, idle);
    } else {
        report_load(config, subject);
        report_text(config, result, idle);
    }
    return result->stats.wrong_sizes > 0 || (idle != NULL && idle->unserved > 0) ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static int run_single(const struct bench_config *config, const struct subject *subject, const struct trace *trace,
                      const struct progress *progress, struct run_result *result) {
    struct idle idle = {.count = 0};
    bool with_idle = config->idle_connections > 0;
    int code = EXIT_CODE_FAILURE;

    if (config->prefill && !prefill(config, subject, progress)) {
        return EXIT_CODE_FAILURE;
    }
    if (with_idle && !idle_open(&idle, &subject->endpoint, config->idle_connections, subject->pid)) {
        return EXIT_CODE_FAILURE;
    }
    if (run_kind(config, subject, trace == NULL ? WORKLOAD_MIX : WORKLOAD_REPLAY, trace, progress, result)) {
        if (with_idle) {
            idle_check(&idle);
        }
        code = finish_single(config, subject, result, with_idle ? &idle : NULL);
    }
    if (with_idle) {
        idle_close(&idle);
    }
    return code;
}

static int bench_single(const struct bench_config *config, const struct trace *trace, const struct progress *progress) {
    struct run_result *result = malloc(sizeof(*result));
    struct subject subject;
    int code = EXIT_CODE_FAILURE;

    if (result != NULL && find_subject(config, &config->target, config->server_pid, &subject)) {
        code = run_single(config, &subject, trace, progress, result);
    }
    free(result);
    return code;
}

static bool run_round(const struct bench_config *config, const struct subject *subject, size_t round,
                      const struct progress *progress, struct run_result *ret_result) {
    char text[ADDRESS_TEXT_MAX];

    if (!run_kind(config, subject, WORKLOAD_MIX, NULL, progress, ret_result)) {
        return false;
    }
    if (!config->json) {
        printf("round %zu, %s:\n", round + 1, address_format(&subject->address, text));
        report_text(config, ret_result, NULL);
        fflush(stdout);
    }
    return true;
}

static int run_rounds(const struct bench_config *config, const struct subject subjects[2],
                      const struct progress *progress, struct run_result *targets, struct run_result *rivals) {
    for (int i = 0; i < 2 && config->prefill; i++) {
        if (!prefill(config, &subjects[i], progress)) {
            return EXIT_CODE_FAILURE;
        }
    }
    if (!config->json) {
        report_load(config, &subjects[0]);
    }
    for (size_t round = 0; round < config->rounds; round++) {
        if (!run_round(config, &subjects[0], round, progress, &targets[round]) ||
            !run_round(config, &subjects[1], round, progress, &rivals[round])) {
            return EXIT_CODE_FAILURE;
        }
    }
    if (config->json) {
        report_json(config, &subjects[0], targets, rivals, config->rounds, NULL);
    } else {
        report_ratios_text(targets, rivals, config->rounds);
    }
    return EXIT_CODE_OK;
}

static int bench_both(const struct bench_config *config, const struct progress *progress) {
    struct run_result *targets = calloc(config->rounds, sizeof(*targets));
    struct run_result *rivals = calloc(config->rounds, sizeof(*rivals));
    struct subject subjects[2];
    int code = EXIT_CODE_FAILURE;

    if (targets == NULL || rivals == NULL) {
        fputs("larder bench: out of memory\n", stderr);
    } else if (find_subject(config, &config->target, config->server_pid, &subjects[0]) &&
               find_subject(config, &config->rival, config->rival_pid, &subjects[1])) {
        code = run_rounds(config, subjects, progress, targets, rivals);
    }
    free(targets);
    free(rivals);
    return code;
}

static bool load_trace(const struct bench_config *config, struct trace *ret_trace) {
    size_t line = 0;
    enum larder_error error = trace_load(config->trace, config->trace_scale, config->trace_max, ret_trace, &line);

    if (error == LARDER_ERROR_INVALID) {
        fprintf(stderr, "larder bench: %s, line %zu: not a request (version,time,op,size,lbn)\n", config->trace, line);
    } else if (error != LARDER_OK) {
        fprintf(stderr, "larder bench: %s: %s\n", config->trace, larder_error_text(error));
    }
    return error == LARDER_OK;
}

static int bench(const struct bench_config *config) {
    struct trace trace = {.count = 0};
    struct progress progress;
    int code;

    if (!prepare_process(&config->pins)) {
        return EXIT_CODE_FAILURE;
    }
    progress_init(&progress, config->quiet);
    if (config->rival.host[0] != '\0') {
        return bench_both(config, &progress);
    }
    if (config->trace == NULL) {
        return bench_single(config, NULL, &progress);
    }
    if (!load_trace(config, &trace)) {
        return EXIT_CODE_FAILURE;
    }
    code = bench_single(config, &trace, &progress);
    trace_fini(&trace);
    return code;
}

static int run_bench(int argc, char **argv) {
    struct bench_config config;

    if (argc > 1 && strcmp(argv[1], "config") == 0) {
        return bench_service(argc - 1, argv + 1);
    }
    if (argc > 1 && etcd_config_is_kind(argv[1])) {
        return bench_etcd(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "table") == 0) {
        return bench_table(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "client") == 0) {
        return bench_client(argc - 1, argv + 1);
    }
    switch (bench_config_read(argc, argv, &config)) {
    case OPTIONS_HELP:
        bench_config_print_help();
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    return bench(&config);
}

const struct subcommand subcommand_bench = {
    .name = "bench",
    .summary = "make load on a server of memcached's, HTTP's or etcd's protocol, and measure it",
    .run = run_bench,
};
