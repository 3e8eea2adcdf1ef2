/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/bench_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench/dial.h"
#include "cli/bench/prepare.h"
#include "cli/bench/run.h"
#include "cli/bench/service_report.h"
#include "cli/subcommand.h"

static void collect(const struct service *service, struct service_stats *ret_stats) {
    service_stats_init(ret_stats);
    for (uint64_t i = 0; i < service->config->base.threads; i++) {
        service_stats_merge(ret_stats, &service->workers[i].stats);
    }
}

/* What the prefill counted is no part of the load, but what it judged is. */
static void forget_routes(struct service *service) {
    for (uint64_t i = 0; i < service->config->base.threads; i++) {
        struct service_stats *stats = &service->workers[i].stats;

        for (int route = 0; route < ROUTE_COUNT; route++) {
            stats->routes[route] = (struct route_stats){.requests = 0};
            histogram_init(&stats->routes[route].latency);
        }
    }
}

static bool fill(struct service *service, struct run_plan *plan, const struct progress *progress,
                 struct service_stats *stats, struct run_result *result) {
    plan->kind = WORKLOAD_PREFILL;
    if (!run_load(plan, progress, result)) {
        return false;
    }
    collect(service, stats);
    if (stats->routes[ROUTE_PUT].fails > 0) {
        fprintf(stderr, "larder bench config: %" PRIu64 " of %" PRIu64 " keys were not stored: %s\n",
                stats->routes[ROUTE_PUT].fails, service->config->base.keys, stats->first_failure);
        return false;
    }
    forget_routes(service);
    return true;
}

static bool run_both(struct service *service, struct run_plan *plan, const struct progress *progress,
                     struct service_stats *ret_stats, int64_t *ret_elapsed_ns) {
    struct run_result *result = malloc(sizeof(*result));
    bool done = false;

    if (result == NULL) {
        fputs("larder bench config: out of memory\n", stderr);
        return false;
    }
    if (fill(service, plan, progress, ret_stats, result)) {
        plan->kind = WORKLOAD_MIX;
        done = run_load(plan, progress, result);
        collect(service, ret_stats);
        *ret_elapsed_ns = result->elapsed_ns;
    }
    free(result);
    return done;
}

bool bench_service_measure(struct service *service, const struct progress *progress, struct service_stats *ret_stats,
                           int64_t *ret_elapsed_ns) {
    const struct service_config *config = service->config;
    struct subject subjects[SERVICE_NODES_MAX];
    struct run_plan plan = {
        .config = &config->base, .subjects = subjects, .subject_count = config->node_count, .service = service};

    for (size_t i = 0; i < config->node_count; i++) {
        if (!subject_find(&subjects[i], &config->nodes[i], 0, true)) {
            return false;
        }
    }
    return run_both(service, &plan, progress, ret_stats, ret_elapsed_ns);
}

static int judge(const struct service_stats *stats) {
    uint64_t fails = stats->unknown;

    for (int i = 0; i < ROUTE_COUNT; i++) {
        fails += stats->routes[i].fails;
    }
    return stats->stale + stats->foreign + fails > 0 ? EXIT_CODE_FAILURE : EXIT_CODE_OK;
}

static int measure_and_report(struct service *service) {
    const struct service_config *config = service->config;
    struct service_stats *stats = malloc(sizeof(*stats));
    struct progress progress;
    int code = EXIT_CODE_FAILURE;
    int64_t elapsed_ns;

    progress_init(&progress, config->base.quiet);
    if (stats == NULL) {
        fputs("larder bench config: out of memory\n", stderr);
    } else if (bench_service_measure(service, &progress, stats, &elapsed_ns)) {
        (config->base.json ? service_report_json : service_report_text)(config, stats, elapsed_ns);
        code = judge(stats);
    }
    free(stats);
    return code;
}

int bench_service(int argc, char **argv) {
    struct service_config config;
    struct service service;
    int code;

    switch (service_config_read(argc, argv, &config)) {
    case OPTIONS_HELP:
        service_config_print_help();
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    if (!prepare_process(&config.base.pins)) {
        return EXIT_CODE_FAILURE;
    }
    if (service_init(&service, &config, random_os_seed()) != LARDER_OK) {
        fputs("larder bench config: out of memory\n", stderr);
        return EXIT_CODE_FAILURE;
    }
    code = measure_and_report(&service);
    service_fini(&service);
    return code;
}
