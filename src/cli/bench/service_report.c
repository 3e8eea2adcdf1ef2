/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/service_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static const double percentiles[] = {50, 66, 75, 80, 90, 95, 98, 99, 99.9, 99.99, 100};

enum { PERCENTILES = sizeof(percentiles) / sizeof(percentiles[0]) };

void service_report_sum(const struct service_stats *stats, struct route_stats *ret_sum) {
    *ret_sum = (struct route_stats){.requests = 0};
    histogram_init(&ret_sum->latency);
    for (int i = 0; i < ROUTE_COUNT; i++) {
        route_stats_merge(ret_sum, &stats->routes[i]);
    }
}

static double seconds(int64_t ns) {
    return (double)ns / (double)CLOCK_NS_PER_S;
}

static double ms(double ns) {
    return ns / (double)CLOCK_NS_PER_MS;
}

static double mean_size(const struct route_stats *route) {
    return route->requests == 0 ? 0 : (double)route->body_bytes / (double)route->requests;
}

static uint64_t smallest(const struct histogram *h) {
    return h->count == 0 ? 0 : h->min;
}

static uint64_t percentile(const struct histogram *h, double percent) {
    return histogram_quantile(h, percent / 100);
}

static void print_route(const char *name, const struct route_stats *route, int64_t elapsed_ns) {
    const struct histogram *h = &route->latency;

    printf("%-20s %10" PRIu64 " %7" PRIu64 " %9.3f %9.3f %9.3f %9.3f %9.3f %7.1f %11.1f\n", name, route->requests,
           route->fails, ms((double)percentile(h, 50)), ms((double)percentile(h, 90)), ms(histogram_mean(h)),
           ms((double)smallest(h)), ms((double)h->max), mean_size(route),
           (double)route->requests / seconds(elapsed_ns));
}

static void print_percentiles(const char *name, const struct route_stats *route) {
    printf("%-20s", name);
    for (size_t i = 0; i < PERCENTILES; i++) {
        printf(" %8.3f", ms((double)percentile(&route->latency, percentiles[i])));
    }
    putchar('\n');
}

static void print_tables(const struct service_stats *stats, const struct route_stats *sum, int64_t elapsed_ns) {
    printf("%-20s %10s %7s %9s %9s %9s %9s %9s %7s %11s\n", "milliseconds", "requests", "fails", "median", "90 %",
           "mean", "min", "max", "bytes", "requests/s");
    for (int i = 0; i < ROUTE_COUNT; i++) {
        print_route(route_name((enum route)i), &stats->routes[i], elapsed_ns);
    }
    print_route("all", sum, elapsed_ns);
    printf("\n%-20s", "milliseconds");
    for (size_t i = 0; i < PERCENTILES; i++) {
        char heading[16];

        snprintf(heading, sizeof(heading), "%g %%", percentiles[i]);
        printf(" %8s", heading);
    }
    putchar('\n');
    for (int i = 0; i < ROUTE_COUNT; i++) {
        print_percentiles(route_name((enum route)i), &stats->routes[i]);
    }
    print_percentiles("all", sum);
}

static void print_judgement(const struct service_stats *stats, const struct route_stats *sum) {
    printf("\n%" PRIu64 " answers checked, %" PRIu64 " stale, %" PRIu64 " foreign; %" PRIu64
           " of the measured ones said that the key is not there\n",
           stats->judged, stats->stale, stats->foreign, sum->absent);
    for (int i = 0; i < ROUTE_COUNT; i++) {
        if (stats->stale_by[i] > 0) {
            printf("stale of %s: %" PRIu64 "\n", route_name((enum route)i), stats->stale_by[i]);
        }
    }
    if (stats->first_wrong[0] != '\0') {
        printf("WRONG: %s\n", stats->first_wrong);
    }
    if (stats->unknown > 0) {
        printf("%" PRIu64 " writes ended so that nobody knows whether they were done\n", stats->unknown);
    }
    if (stats->first_failure[0] != '\0') {
        printf("the first fail: %s\n", stats->first_failure);
    }
}

void service_report_text(const struct service_config *config, const struct service_stats *stats, int64_t elapsed_ns) {
    struct route_stats *sum = malloc(sizeof(*sum));
    char text[ADDRESS_TEXT_MAX];

    if (sum == NULL) {
        fputs("larder bench config: out of memory\n", stderr);
        return;
    }
    service_report_sum(stats, sum);
    for (size_t i = 0; i < config->node_count; i++) {
        printf("%s%s", i == 0 ? "" : ", ", address_format(&config->nodes[i], text));
    }
    printf(": %" PRIu64 " connections, %" PRIu64 " thread%s, %" PRIu64 " keys %s..., %.2f s\n\n",
           config->base.connections, config->base.threads, config->base.threads == 1 ? "" : "s", config->base.keys,
           config->base.key_prefix, seconds(elapsed_ns));
    print_tables(stats, sum, elapsed_ns);
    print_judgement(stats, sum);
    free(sum);
}

static void put_integer(json_t *object, const char *name, uint64_t number) {
    json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void put_real(json_t *object, const char *name, double number) {
    json_object_set_new(object, name, json_real(number));
}

static json_t *describe_route(const struct route_stats *route, int64_t elapsed_ns) {
    const struct histogram *h = &route->latency;
    json_t *object = json_object();
    json_t *latency = json_object();

    put_integer(object, "requests", route->requests);
    put_integer(object, "fails", route->fails);
    put_integer(object, "absent", route->absent);
    put_real(object, "body_bytes", mean_size(route));
    put_real(object, "requests_per_second", (double)route->requests / seconds(elapsed_ns));
    put_real(latency, "mean", histogram_mean(h) / 1000.0);
    put_real(latency, "min", (double)smallest(h) / 1000.0);
    for (size_t i = 0; i < PERCENTILES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "p%g", percentiles[i]);
        put_real(latency, name, (double)percentile(h, percentiles[i]) / 1000.0);
    }
    json_object_set_new(object, "latency_us", latency);
    return object;
}

static json_t *describe_nodes(const struct service_config *config) {
    json_t *nodes = json_array();
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < config->node_count; i++) {
        json_array_append_new(nodes, json_string(address_format(&config->nodes[i], text)));
    }
    return nodes;
}

static json_t *describe_load(const struct bench_config *c) {
    json_t *load = json_object();

    put_integer(load, "connections", c->connections);
    put_integer(load, "threads", c->threads);
    put_integer(load, "keys", c->keys);
    json_object_set_new(load, "key_prefix", json_string(c->key_prefix));
    put_integer(load, "rate", c->rate);
    put_integer(load, "seed", c->seed);
    return load;
}

void service_report_json(const struct service_config *config, const struct service_stats *stats, int64_t elapsed_ns) {
    struct route_stats *sum = malloc(sizeof(*sum));
    json_t *report = json_object();
    json_t *routes = json_object();

    if (sum == NULL) {
        fputs("larder bench config: out of memory\n", stderr);
        abort();
    }
    service_report_sum(stats, sum);
    json_object_set_new(report, "servers", describe_nodes(config));
    json_object_set_new(report, "load", describe_load(&config->base));
    put_real(report, "seconds", seconds(elapsed_ns));
    put_integer(report, "checked", stats->judged);
    put_integer(report, "stale", stats->stale);
    put_integer(report, "foreign", stats->foreign);
    put_integer(report, "fails", sum->fails);
    put_integer(report, "unknown_writes", stats->unknown);
    if (stats->first_wrong[0] != '\0') {
        json_object_set_new(report, "first_wrong", json_string(stats->first_wrong));
    }
    if (stats->first_failure[0] != '\0') {
        json_object_set_new(report, "first_failure", json_string(stats->first_failure));
    }
    for (int i = 0; i < ROUTE_COUNT; i++) {
        json_t *route = describe_route(&stats->routes[i], elapsed_ns);

        put_integer(route, "stale", stats->stale_by[i]);
        json_object_set_new(routes, route_name((enum route)i), route);
    }
    json_object_set_new(routes, "all", describe_route(sum, elapsed_ns));
    json_object_set_new(report, "routes", routes);
    json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    puts("");
    json_decref(report);
    free(sum);
}
