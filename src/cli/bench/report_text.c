/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bench/ratios.h"
#include "cli/bench/report.h"

static const double MIB = 1024.0 * 1024.0;

static void print_distribution(const struct distribution *d) {
    switch (d->kind) {
    case DISTRIBUTION_UNIFORM:
        printf("uniform");
        break;
    case DISTRIBUTION_SEQUENTIAL:
        printf("sequential");
        break;
    case DISTRIBUTION_ZIPF:
        printf("zipf:%g", d->theta);
        break;
    }
}

void report_load(const struct bench_config *c, const struct subject *subject) {
    char text[ADDRESS_TEXT_MAX];

    printf("%s: %s, %" PRIu64 " connections, %" PRIu64 " thread%s", address_format(&subject->address, text),
           bench_protocol_name(c->protocol), c->connections, c->threads, c->threads == 1 ? "" : "s");
    if (c->trace != NULL) {
        printf(", replay of %s\n", c->trace);
        return;
    }
    printf(", pipeline %" PRIu64, c->pipeline);
    if (c->keys_per_get > 1) {
        printf(", %" PRIu64 " keys per get", c->keys_per_get);
    }
    printf(",\n  %" PRIu64 " keys %s%sof %" PRIu64 " bytes, ", c->keys, c->key_prefix,
           c->key_prefix[0] == '\0' ? "" : "... ", c->key_size + strlen(c->key_prefix));
    print_distribution(&c->distribution);
    printf(", values of %" PRIu64, c->value_size.min);
    if (c->value_size.max != c->value_size.min) {
        printf("-%" PRIu64, c->value_size.max);
    }
    printf(" bytes, get:set %" PRIu64 ":%" PRIu64, c->mix.get, c->mix.set);
    if (c->rate > 0) {
        printf(", %" PRIu64 " requests/s", c->rate);
    }
    puts("");
}

static double us(uint64_t ns) {
    return (double)ns / 1000.0;
}

static double share(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * (double)part / (double)whole;
}

static void print_counts(const struct run_result *result) {
    const struct stats *s = &result->stats;
    double seconds = (double)result->elapsed_ns / (double)CLOCK_NS_PER_S;

    printf("  requests    %" PRIu64 " in %.2f s: %.0f/s (%" PRIu64 " gets, %" PRIu64 " sets)\n", s->requests, seconds,
           (double)s->requests / seconds, s->gets, s->sets);
    if (s->gets > 0) {
        printf("  keys        %" PRIu64 " hits, %" PRIu64 " misses (%.2f %% hits), %.0f/s\n", s->hits, s->misses,
               share(s->hits, s->hits + s->misses), (double)(s->hits + s->misses) / seconds);
    }
    printf("  bytes       %.1f MiB/s read, %.1f MiB/s written\n", (double)s->bytes_read / MIB / seconds,
           (double)s->bytes_written / MIB / seconds);
    printf("  errors      %" PRIu64, s->errors);
    if (s->errors > 0) {
        printf(" (the first: %s)", s->first_error);
    }
    puts("");
    if (s->wrong_sizes > 0) {
        printf("  WRONG       %" PRIu64 " values are not as large as what was stored\n", s->wrong_sizes);
    }
}

static void print_latency(const struct histogram *h) {
    static const struct {
        const char *name;
        double quantile;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

    printf("  latency     mean %.1f us", histogram_mean(h) / 1000.0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        printf("  %s %.1f", rows[i].name, us(histogram_quantile(h, rows[i].quantile)));
    }
    printf("  max %.1f\n", us(h->max));
}

static void print_cpu(const struct run_result *result) {
    double requests = (double)result->stats.requests;

    if (result->server_measured) {
        printf("  server      %.3f us of CPU per request, %.0f %% of a core, %.1f MiB resident\n",
               us(result->server_cpu_ns) / requests, share(result->server_cpu_ns, (uint64_t)result->elapsed_ns),
               (double)result->server_resident / MIB);
    }
    printf("  this load   %.3f us of CPU per request, %.0f %% of a core\n", us(result->client_cpu_ns) / requests,
           share(result->client_cpu_ns, (uint64_t)result->elapsed_ns));
}

static void print_idle(const struct idle *idle) {
    printf("  idle        %zu connections, %zu of them not served at the end\n", idle->count, idle->unserved);
    if (idle->measured) {
        printf("              %.0f bytes of resident memory per connection (%.1f -> %.1f MiB)\n",
               ((double)idle->resident_after - (double)idle->resident_before) / (double)idle->count,
               (double)idle->resident_before / MIB, (double)idle->resident_after / MIB);
    }
}

void report_text(const struct bench_config *config, const struct run_result *result, const struct idle *idle) {
    const struct stats *s = &result->stats;

    print_counts(result);
    if (config->trace != NULL) {
        printf("  miss ratio  %.4f of the objects, %.4f of the bytes that were read\n",
               share(s->misses, s->hits + s->misses) / 100.0, share(s->bytes_missed, s->bytes_asked) / 100.0);
    }
    print_latency(&s->latency);
    print_cpu(result);
    if (idle != NULL) {
        print_idle(idle);
    }
}

void report_ratios_text(const struct run_result *targets, const struct run_result *rivals, size_t rounds) {
    static const char *const names[] = {
#define X(field, json, text) text,
        FIGURES(X)
#undef X
    };
    struct ratio ratios[RATIO_COUNT];

    if (!ratios_of(targets, rivals, rounds, ratios)) {
        fputs("larder bench: out of memory\n", stderr);
        return;
    }
    printf("ratios (first server / second, median of %zu rounds, smallest to largest):\n", rounds);
    for (int i = 0; i < RATIO_COUNT; i++) {
        if (ratios[i].median > 0.0) {
            printf("  %-28s %.3f  (%.3f to %.3f)\n", names[i], ratios[i].median, ratios[i].min, ratios[i].max);
        }
    }
}
