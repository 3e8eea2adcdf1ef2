/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/client/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/json_out.h"

static const struct {
    const char *name;
    double quantile;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

enum { QUANTILES = sizeof(quantiles) / sizeof(quantiles[0]) };

/* As in status.def. */
static const char *status_name(enum store_status status) {
    static const char *const names[] = {
        [STORE_OK] = "OK",
#define STATUS(name, text) [STORE_##name] = #name,
#include "store/status.def"
#undef STATUS
    };

    return names[status];
}

static double us(double ns) {
    return ns / 1000.0;
}

static double ms(int64_t ns) {
    return (double)ns / (double)CLOCK_NS_PER_MS;
}

static double seconds(const struct client_report *r) {
    return (double)r->elapsed_ns / (double)CLOCK_NS_PER_S;
}

static uint64_t count_errors(const struct client_report *r) {
    return r->requests - r->statuses[STORE_OK];
}

bool client_report_is_good(const struct client_report *r) {
    return count_errors(r) == 0 && r->wrong == 0;
}

/* --- for people --- */

static void print_errors(const struct client_report *r) {
    printf("  errors      %" PRIu64, count_errors(r));
    for (int i = STORE_OK + 1; i < STORE_STATUS_COUNT; i++) {
        if (r->statuses[i] > 0) {
            printf(", %" PRIu64 " %s (%s)", r->statuses[i], status_name((enum store_status)i),
                   store_status_text((enum store_status)i));
        }
    }
    puts("");
    if (r->wrong > 0) {
        printf("  WRONG       %" PRIu64 " answers did not have the key, or had another value than was put\n", r->wrong);
    }
}

void client_report_text(const struct client_config *config, const struct client_report *r) {
    const struct etcd_figures *f = &r->figures;

    printf("%s, %" PRIu64 " in flight\n", config->reads ? "range" : "put", config->clients);
    printf("  requests    %" PRIu64 " in %.2f s: %.0f/s\n", r->requests, seconds(r), (double)r->requests / seconds(r));
    print_errors(r);
    printf("  latency     mean %.1f us", us(histogram_mean(&r->latency)));
    for (size_t i = 0; i < QUANTILES; i++) {
        printf("  %s %.1f", quantiles[i].name, us((double)histogram_quantile(&r->latency, quantiles[i].quantile)));
    }
    printf("  max %.1f\n", us((double)r->latency.max));
    printf("  this client %.3f us of CPU per request\n", us((double)r->cpu_ns) / (double)r->requests);
    printf("  longest gap %.1f ms without a good answer, after %.2f s\n", ms(r->longest_gap_ns),
           ms(r->gap_at_ns) / 1000.0);
    printf("  fail-overs  %" PRIu64 ", the longest of %.1f ms; %" PRIu64 " attempts again, %" PRIu64 " in doubt\n",
           f->failovers, ms((int64_t)f->failover_max_ns), f->retries, f->unknown);
}

/* --- for programs --- */

static json_t *describe_latency(const struct histogram *h) {
    json_t *latency = json_object();

    json_set(latency, "mean", json_real(us(histogram_mean(h))));
    for (size_t i = 0; i < QUANTILES; i++) {
        json_set(latency, quantiles[i].name, json_real(us((double)histogram_quantile(h, quantiles[i].quantile))));
    }
    json_set(latency, "max", json_real(us((double)h->max)));
    return latency;
}

static json_t *describe_statuses(const struct client_report *r) {
    json_t *statuses = json_object();

    for (int i = STORE_OK; i < STORE_STATUS_COUNT; i++) {
        if (r->statuses[i] > 0) {
            json_set(statuses, status_name((enum store_status)i), json_integer((json_int_t)r->statuses[i]));
        }
    }
    return statuses;
}

static json_t *describe_failovers(const struct etcd_figures *f) {
    json_t *failovers = json_object();

    json_set(failovers, "count", json_integer((json_int_t)f->failovers));
    json_set(failovers, "longest_ms", json_real(ms((int64_t)f->failover_max_ns)));
    json_set(failovers, "retries", json_integer((json_int_t)f->retries));
    json_set(failovers, "unknown", json_integer((json_int_t)f->unknown));
    return failovers;
}

void client_report_json(const struct client_config *config, const struct client_report *r) {
    json_t *report = json_object();

    json_set(report, "kind", json_string(config->reads ? "range" : "put"));
    json_set(report, "clients", json_integer((json_int_t)config->clients));
    json_set(report, "requests", json_integer((json_int_t)r->requests));
    json_set(report, "errors", json_integer((json_int_t)count_errors(r)));
    json_set(report, "wrong", json_integer((json_int_t)r->wrong));
    json_set(report, "repeated", json_integer((json_int_t)r->repeated));
    json_set(report, "statuses", describe_statuses(r));
    json_set(report, "seconds", json_real(seconds(r)));
    json_set(report, "requests_per_second", json_real((double)r->requests / seconds(r)));
    json_set(report, "latency_us", describe_latency(&r->latency));
    json_set(report, "client_cpu_us_per_request", json_real(us((double)r->cpu_ns) / (double)r->requests));
    json_set(report, "longest_gap_ms", json_real(ms(r->longest_gap_ns)));
    json_set(report, "longest_gap_at_ms", json_real(ms(r->gap_at_ns)));
    json_set(report, "failovers", describe_failovers(&r->figures));
    json_print_line(report);
}
