/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/simulate/report.h"

static double ms(uint64_t ns) {
    return (double)ns / (double)CLOCK_NS_PER_MS;
}

static double seconds(int64_t ns) {
    return (double)ns / (double)CLOCK_NS_PER_S;
}

void simulate_report_plan(const struct simulate_config *config, const struct simulate_plan *plan) {
    char texts[5][HUMAN_TEXT_MAX];

    printf("%s operations of seed %" PRIu64 ": %s CREATE, %s RETRIEVE, %s DELETE; %s keys shall be there at the end\n",
           human_count(config->iterations, texts[0]), config->seed,
           human_count(plan->counts[SIMULATE_CREATE], texts[1]), human_count(plan->counts[SIMULATE_RETRIEVE], texts[2]),
           human_count(plan->counts[SIMULATE_DELETE], texts[3]), human_count(plan->live, texts[4]));
}

bool simulate_report_is_good(const struct simulate_outcome *o) {
    if (o->interrupted || o->tally->failed || o->tally->wrong > 0 || o->count == NULL || !o->count->complete ||
        o->count->total != (int64_t)o->plan->live) {
        return false;
    }
    for (size_t i = 0; i < o->count->member_count; i++) {
        if (o->count->members[i].count != (int64_t)o->plan->live) {
            return false;
        }
    }
    return true;
}

/* --- the operations --- */

static void print_speed(const struct simulate_outcome *o) {
    const struct simulate_tally *t = o->tally;
    double elapsed = seconds(t->elapsed_ns);
    char done[HUMAN_TEXT_MAX];

    printf("  operations  %s in %.2f s: %.0f/s, %.1f us of this tool's CPU each\n", human_count(t->done, done), elapsed,
           (double)t->done / (elapsed + 1e-9), t->done == 0 ? 0.0 : (double)t->cpu_ns / 1000.0 / (double)t->done);
}

static void print_latency(const struct simulate_tally *t) {
    static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};

    printf("  latency, ms %10s %9s %9s %9s %9s %9s %9s\n", "count", "mean", "p50", "p90", "p99", "p99.9", "max");
    for (int kind = 0; kind < SIMULATE_KINDS; kind++) {
        const struct histogram *h = &t->latency[kind];

        printf("    %-9s %10" PRIu64 " %9.3f", simulate_kind_name((enum simulate_kind)kind), h->count,
               histogram_mean(h) / (double)CLOCK_NS_PER_MS);
        for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
            printf(" %9.3f", ms(histogram_quantile(h, quantiles[i])));
        }
        printf(" %9.3f\n", ms(h->max));
    }
}

static void print_weather(const struct simulate_tally *t) {
    const struct etcd_figures *f = &t->figures;

    printf("  fail-overs  %" PRIu64, f->failovers);
    if (f->failovers > 0) {
        printf(", from the first trouble to the next member's first answer %.1f ms on average, %.1f ms at most",
               ms(f->failover_ns) / (double)f->failovers, ms(f->failover_max_ns));
    }
    printf("\n  retries     %" PRIu64 " requests were sent again, %" PRIu64 " connections lost\n", f->retries,
           f->connections_lost);
    printf("  in doubt    %" PRIu64 " answers lost and the operation done again, %" PRIu64 " left unknown\n",
           t->repeated, f->unknown);
}

static void print_trouble(const struct simulate_trouble *trouble) {
    char device[SIMULATE_DEVICE_MAX];

    printf("    operation %" PRIu64 ", %s %s: %s\n", trouble->at + 1, simulate_kind_name(trouble->operation.kind),
           simulate_device_text(trouble->operation.device.number, device), trouble->why);
}

static void print_wrong(const struct simulate_tally *t) {
    if (t->failed) {
        puts("  FAILED      an operation was not done, which ended the run:");
        print_trouble(&t->failure);
    }
    printf("  %s       %" PRIu64 " answers\n", t->wrong == 0 ? "wrong" : "WRONG", t->wrong);
    for (uint64_t i = 0; i < t->wrong && i < SIMULATE_WRONG_SHOWN; i++) {
        print_trouble(&t->wrongs[i]);
    }
    if (t->wrong > SIMULATE_WRONG_SHOWN) {
        printf("    and %" PRIu64 " more\n", t->wrong - SIMULATE_WRONG_SHOWN);
    }
}

/* --- the members --- */

static void print_member(const struct simulate_member *m, uint64_t expected) {
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];
    char count[HUMAN_TEXT_MAX];

    printf("    %-28s %-12s", etcd_endpoint_format(&m->endpoint, endpoint), m->name);
    if (m->counted) {
        printf(" %12s%s\n", human_count((uint64_t)m->count, count), m->count == (int64_t)expected ? "" : "  WRONG");
    } else if (m->revision > 0) {
        printf(" %12s  BEHIND, at revision %" PRId64 "\n", human_count((uint64_t)m->count, count), m->revision);
    } else {
        printf(" %12s  AWAY%s%s\n", "?", m->trouble[0] == '\0' ? "" : ": ", m->trouble);
    }
}

static void print_members(const struct simulate_outcome *o) {
    char texts[2][HUMAN_TEXT_MAX];

    printf("  keys        %s expected, %s counted at revision %" PRId64 "; on each member:\n",
           human_count(o->plan->live, texts[0]), human_count((uint64_t)o->count->total, texts[1]), o->count->revision);
    for (size_t i = 0; i < o->count->member_count; i++) {
        print_member(&o->count->members[i], o->plan->live);
    }
}

/* What to make of it. */
static void print_verdict(const struct simulate_outcome *o) {
    if (simulate_report_is_good(o)) {
        puts("every answer was right, and every member has every key");
    } else if (o->interrupted) {
        puts("interrupted");
    } else if (o->tally->failed) {
        puts("an operation failed");
    } else if (o->count != NULL && !o->count->complete && o->tally->wrong == 0) {
        puts("not every member could be counted; start those that are away, or wait longer: --wait-members");
    } else {
        printf("it is not as it must be; unless somebody else writes below %s, keys were lost or answers were false\n",
               o->config->prefix);
    }
}

void simulate_report_text(const struct simulate_outcome *o) {
    print_speed(o);
    print_latency(o->tally);
    print_weather(o->tally);
    print_wrong(o->tally);
    if (o->count != NULL) {
        print_members(o);
    }
    print_verdict(o);
}
