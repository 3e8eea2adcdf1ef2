/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/bench/etcd/report.h"
#include "cli/bench/report.h"

static const double MIB = 1024.0 * 1024.0;

enum { BUCKETS = 10, BAR_WIDTH = 40 };

static double us(uint64_t ns) {
    return (double)ns / 1000.0;
}

static double ms(uint64_t ns) {
    return (double)ns / (double)CLOCK_NS_PER_MS;
}

static double seconds(const struct etcd_result *result) {
    return (double)result->base.elapsed_ns / (double)CLOCK_NS_PER_S;
}

static bool is_watch(const struct etcd_config *config) {
    return config->kind == ETCD_WATCH;
}

bool etcd_report_is_good(const struct etcd_result *result) {
    return result->tally.stats.errors == 0 && result->tally.wrong == 0;
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* --- what the load is --- */

static void print_keys(const struct etcd_config *c) {
    printf("%" PRIu64 " key%s %s%sof %zu bytes, %s", c->key_space, plural(c->key_space), c->key_prefix,
           c->key_prefix[0] == '\0' ? "" : "... ", strlen(c->key_prefix) + (size_t)c->key_size,
           c->sequential ? "one after the other" : "drawn");
}

static void print_kind(const struct etcd_config *c) {
    switch (c->kind) {
    case ETCD_TXN:
        printf("%" PRIu64 " put%s each, ", c->txn_ops, plural(c->txn_ops));
        /* fall through */
    case ETCD_PUT:
        print_keys(c);
        printf(", values of %" PRIu64 " bytes", c->value_size);
        break;
    case ETCD_RANGE:
        if (c->key == NULL) {
            print_keys(c);
        } else {
            printf("%s%s%s", c->key, c->range_end == NULL ? "" : " to ", c->range_end == NULL ? "" : c->range_end);
        }
        printf(", %s", c->serializable ? "serializable" : "linearizable");
        break;
    case ETCD_WATCH:
        printf("%" PRIu64 " streams of %" PRIu64 " watchers, %" PRIu64 " key%s, %" PRIu64 " puts", c->streams,
               c->watch_per_stream, c->key_space, plural(c->key_space), c->put_total);
        break;
    case ETCD_LEASE_GRANT:
    case ETCD_LEASE_KEEPALIVE:
        printf("leases of %" PRIu64 " s", c->ttl);
        break;
    }
}

void etcd_report_load(const struct etcd_config *c, const struct etcd_target *target) {
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < target->count; i++) {
        printf("%s%s", i == 0 ? "" : ", ", address_format(&target->endpoints[i].address, text));
    }
    printf("%s%s: %s, %" PRIu64 " connection%s, %" PRIu64 " client%s, %" PRIu64 " thread%s,\n  ",
           target->version[0] == '\0' ? "" : " version ", target->version, etcd_kind_name(c->kind), c->conns,
           plural(c->conns), c->clients, plural(c->clients), c->threads, plural(c->threads));
    print_kind(c);
    if (c->rate > 0) {
        printf(", %" PRIu64 "/s", c->rate);
    }
    puts("");
}

/* --- what came of it --- */

static void print_counts(const struct etcd_config *config, const struct etcd_result *result) {
    const struct etcd_tally *t = &result->tally;

    printf("  %-11s %" PRIu64 " in %.2f s: %.0f/s", is_watch(config) ? "events" : "requests", t->stats.requests,
           seconds(result), (double)t->stats.requests / seconds(result));
    if (is_watch(config)) {
        printf(" (%" PRIu64 " of %" PRIu64 " expected, by %" PRIu64 " puts: %.0f/s)", t->stats.requests,
               result->expected, t->puts, (double)t->puts / seconds(result));
    }
    puts("");
    if (config->kind == ETCD_RANGE) {
        printf("  keys        %.2f an answer\n", (double)t->keys / (double)t->stats.requests);
    }
}

static void print_errors(const struct etcd_tally *t) {
    printf("  errors      %" PRIu64, t->stats.errors);
    for (int i = GRPC_OK + 1; i < ETCD_STATUSES; i++) {
        if (t->statuses[i] > 0) {
            printf(", %" PRIu64 " %s", t->statuses[i], etcd_status_name((enum grpc_status)i));
        }
    }
    if (t->stats.errors > 0) {
        printf(" (the first: %s)", t->stats.first_error);
    }
    puts("");
    if (t->wrong > 0) {
        printf("  WRONG       %" PRIu64 " answers (the first: %s)\n", t->wrong, t->first_wrong);
    }
}

static void print_latency(const char *name, const struct histogram *h) {
    static const struct {
        const char *name;
        double quantile;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

    printf("  %-11s mean %.1f us", name, histogram_mean(h) / 1000.0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        printf("  %s %.1f", rows[i].name, us(histogram_quantile(h, rows[i].quantile)));
    }
    printf("  max %.1f\n", us(h->max));
}

/* The share of all values that are at most `ns`, by halving: the histogram only answers the other way round. */
static double share_below(const struct histogram *h, uint64_t ns) {
    double low = 0.0, high = 1.0;

    if (ns >= h->max) {
        return 1.0;
    }
    for (int i = 0; i < 40; i++) {
        double middle = (low + high) / 2.0;

        if (histogram_quantile(h, middle) <= ns) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Ten steps from the smallest to the largest, as etcd's benchmark has them. */
static void print_histogram(const struct histogram *h) {
    double step = (double)(h->max - h->min) / BUCKETS;
    double before = 0.0;

    if (h->count == 0) {
        return;
    }
    puts("  up to, ms");
    for (int i = 1; i <= BUCKETS; i++) {
        uint64_t bound = i == BUCKETS ? h->max : h->min + (uint64_t)(step * i);
        double below = share_below(h, bound);
        double count = (below - before) * (double)h->count;
        int width = (int)((below - before) * BAR_WIDTH + 0.5);

        printf("  %9.3f   %9.0f  %.*s\n", ms(bound), count, width, "########################################");
        before = below;
    }
}

static double share(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * (double)part / (double)whole;
}

static void print_cpu(const struct etcd_config *config, const struct etcd_result *result) {
    const struct run_result *base = &result->base;
    double requests = (double)base->stats.requests;
    const char *what = is_watch(config) ? "event" : "request";

    if (requests > 0.0 && base->server_measured) {
        printf("  server      %.3f us of CPU per %s, %.0f %% of a core\n", us(base->server_cpu_ns) / requests, what,
               share(base->server_cpu_ns, (uint64_t)base->elapsed_ns));
    }
    if (requests > 0.0) {
        printf("  this load   %.3f us of CPU per %s, %.0f %% of a core\n", us(base->client_cpu_ns) / requests, what,
               share(base->client_cpu_ns, (uint64_t)base->elapsed_ns));
    }
}

static void print_memory(const struct etcd_config *config, const struct etcd_result *result) {
    const struct process_memory *before = &result->before;
    const struct process_memory *after = &result->after;
    double watchers = (double)etcd_config_watchers(config);

    if (!result->memory_measured) {
        return;
    }
    printf("  memory      RssAnon %.1f MiB, RssFile %.1f MiB (%.1f and %.1f before)\n", (double)after->anonymous / MIB,
           (double)after->file / MIB, (double)before->anonymous / MIB, (double)before->file / MIB);
    if (is_watch(config)) {
        printf("  watchers    %.0f, %.0f bytes of resident memory for each, %.0f of them anonymous\n", watchers,
               ((double)after->resident - (double)before->resident) / watchers,
               ((double)after->anonymous - (double)before->anonymous) / watchers);
    }
}

static void print_hints(const struct etcd_config *config, const struct etcd_result *result) {
    uint64_t at_once = (config->clients + config->conns - 1) / config->conns;

    if (!is_watch(config) && result->tally.max_calls > 0 && at_once > result->tally.max_calls) {
        printf("  note        the server takes %" PRIu32 " calls at a time on a connection, and there were %" PRIu64
               ": the rest waited here; more --conns help\n",
               result->tally.max_calls, at_once);
    }
    if (!result->base.server_measured) {
        puts("  note        the server's process cannot be seen from here: no figures of its CPU and memory; "
             "--server-pid names it");
    }
    if (config->kind == ETCD_RANGE && result->tally.keys == 0 && !config->count_only) {
        puts("  note        no key was found: these are figures of empty answers");
    }
}

void etcd_report_text(const struct etcd_config *config, const struct etcd_result *result) {
    const struct etcd_tally *t = &result->tally;
    bool idle = is_watch(config) && config->put_total == 0;

    if (!idle) {
        print_counts(config, result);
    }
    print_errors(t);
    if (!idle) {
        print_latency("latency", &t->stats.latency);
    }
    if (t->puts > 0) {
        print_latency("of the puts", &t->put_latency);
    }
    print_cpu(config, result);
    print_memory(config, result);
    print_hints(config, result);
    print_histogram(&t->stats.latency);
}

struct run_result *etcd_report_bases(const struct etcd_result *results, size_t rounds) {
    struct run_result *bases = calloc(rounds, sizeof(*bases));

    for (size_t i = 0; bases != NULL && i < rounds; i++) {
        bases[i] = results[i].base;
    }
    return bases;
}

void etcd_report_ratios(const struct etcd_result *targets, const struct etcd_result *rivals, size_t rounds) {
    struct run_result *above = etcd_report_bases(targets, rounds);
    struct run_result *below = etcd_report_bases(rivals, rounds);

    if (above == NULL || below == NULL) {
        fputs("larder bench: out of memory\n", stderr);
    } else {
        report_ratios_text(above, below, rounds);
    }
    free(above);
    free(below);
}
