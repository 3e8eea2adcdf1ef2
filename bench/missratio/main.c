/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"
#include "report.h"
#include "trace.h"
#include "zipf.h"

#include <getopt.h>
#include <string.h>

#define LIST_MAX 256
#define ZIPF_OBJECTS 100000u
#define ZIPF_REQUESTS 1000000u

static const char usage[] =
    "usage: missratio [options] [TRACE.csv[.gz]]\n"
    "\n"
    "Replays loads against simulated eviction policies and prints their miss ratios.\n"
    "Without --load: Zipf 0.9, 1.0 and 1.1, plain and with scans, and the trace if one is given.\n"
    "\n"
    "  --load LOAD      zipf:ALPHA, zipf:ALPHA+MIX (scan, scan2, drift, pairs), trace (each object counts 1)\n"
    "                   or trace-bytes; may be repeated\n"
    "  --policy POLICY  fifo, lru, clock, sieve, s3fifo, larder (S3-FIFO by segments), table (the real one),\n"
    "                   belady or belady-size, with options behind a colon: larder:shards=4,small=0.1,hits=1;\n"
    "                   may be repeated\n"
    "  --sizes LIST     cache sizes in percent of the footprint, of the 100,000 Zipf objects for Zipf loads\n"
    "  --json           one JSON object per line and run\n"
    "  --help\n";

static const char *const default_policies[] = {"fifo", "lru", "clock", "sieve", "s3fifo", "larder", "table", "belady"};
static const char *const default_byte_policies[] = {"fifo",   "lru",   "clock",  "sieve",      "s3fifo",
                                                    "larder", "table", "belady", "belady-size"};
static const char *const default_zipf_loads[] = {"zipf:0.9",      "zipf:1.0",      "zipf:1.1",
                                                 "zipf:0.9+scan", "zipf:1.0+scan", "zipf:1.1+scan"};
static const double default_zipf_sizes[] = {0.1, 1, 5, 10};
static const double default_trace_sizes[] = {1, 2, 5, 10, 20, 30, 40, 50};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct arguments {
    const char *loads[LIST_MAX];
    size_t load_count;
    const char *policies[LIST_MAX];
    size_t policy_count;
    double sizes[LIST_MAX];
    size_t size_count;
    const char *trace;
    bool json;
};

static bool parse_sizes(struct arguments *a, const char *text) {
    for (a->size_count = 0; a->size_count < LIST_MAX; text++) {
        char *end;
        double size = strtod(text, &end);
        if (end == text || !(size > 0 && size <= 100)) {
            return false;
        }
        a->sizes[a->size_count++] = size;
        text = end;
        if (!*text) {
            return true;
        }
        if (*text != ',') {
            return false;
        }
    }
    return false;
}

static bool push(const char **list, size_t *count, const char *text) {
    if (*count == LIST_MAX) {
        return false;
    }
    list[(*count)++] = text;
    return true;
}

static bool parse(struct arguments *a, int argc, char **argv) {
    static const struct option long_options[] = {
        {"load", required_argument, NULL, 'l'},  {"policy", required_argument, NULL, 'p'},
        {"sizes", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    bool ok = true;
    for (int c; ok && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (c) {
        case 'l':
            ok = push(a->loads, &a->load_count, optarg);
            break;
        case 'p':
            ok = push(a->policies, &a->policy_count, optarg);
            break;
        case 's':
            ok = parse_sizes(a, optarg);
            break;
        case 'j':
            a->json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            ok = false;
        }
    }
    if (ok && optind < argc) {
        a->trace = argv[optind++];
    }
    return ok && optind == argc;
}

static void set_default_loads(struct arguments *a) {
    for (size_t i = 0; i < COUNT(default_zipf_loads); i++) {
        push(a->loads, &a->load_count, default_zipf_loads[i]);
    }
    if (a->trace) {
        push(a->loads, &a->load_count, "trace");
        push(a->loads, &a->load_count, "trace-bytes");
    }
}

static bool make_zipf(const char *spec, struct load *ret_load) {
    char *end;
    double alpha = strtod(spec, &end);
    const char *wanted = *end == '+' ? end + 1 : end;
    if (end == spec || !(alpha >= 0 && alpha <= 10)) {
        return false;
    }
    for (enum zipf_mix mix = 0; mix < ZIPF_MIXES; mix++) {
        if (!strcmp(wanted, zipf_mix_name(mix))) {
            zipf_make(alpha, mix, ZIPF_OBJECTS, ZIPF_REQUESTS, ret_load);
            return true;
        }
    }
    return false;
}

static bool make_load(const struct arguments *a, const char *spec, struct load *ret_load) {
    bool unit_sizes = !strcmp(spec, "trace");
    if (unit_sizes || !strcmp(spec, "trace-bytes")) {
        if (!a->trace) {
            fputs("missratio: which trace? Name its file\n", stderr);
        }
        return a->trace && trace_read(a->trace, unit_sizes, ret_load);
    }
    if (!strncmp(spec, "zipf:", 5) && make_zipf(spec + 5, ret_load)) {
        return true;
    }
    fprintf(stderr, "missratio: no such load: %s\n", spec);
    return false;
}

static bool run_policies(const struct report *report, struct replay_result *results) {
    for (size_t p = 0; p < report->policy_count; p++) {
        for (size_t s = 0; s < report->size_count; s++) {
            if (!replay(report->policies[p], report->capacities[s], report->load, results++)) {
                return false;
            }
        }
    }
    return true;
}

static bool run_load(const struct arguments *a, const char *spec) {
    struct load load;
    if (!make_load(a, spec, &load)) {
        return false;
    }
    bool is_zipf = !strncmp(spec, "zipf", 4);
    struct report report = {.load = &load, .policies = a->policies, .policy_count = a->policy_count};
    if (!a->policy_count) {
        report.policies = load.unit_sizes ? default_policies : default_byte_policies;
        report.policy_count = load.unit_sizes ? COUNT(default_policies) : COUNT(default_byte_policies);
    }
    report.percents = a->size_count ? a->sizes : is_zipf ? default_zipf_sizes : default_trace_sizes;
    report.size_count = a->size_count ? a->size_count
                        : is_zipf     ? COUNT(default_zipf_sizes)
                                      : COUNT(default_trace_sizes);

    uint64_t *capacities = need_zeroed(report.size_count, sizeof(*capacities));
    for (size_t s = 0; s < report.size_count; s++) {
        double whole = is_zipf ? ZIPF_OBJECTS : (double)load.footprint;
        capacities[s] = (uint64_t)(whole * report.percents[s] / 100 + 0.5);
    }
    struct replay_result *results = need_zeroed(report.policy_count * report.size_count, sizeof(*results));
    report.capacities = capacities;
    report.results = results;
    bool ok = run_policies(&report, results);
    if (ok) {
        (a->json ? report_json : report_table)(&report, stdout);
    }
    free(results);
    free(capacities);
    load_fini(&load);
    return ok;
}

int main(int argc, char **argv) {
    struct arguments arguments = {.trace = NULL};
    if (!parse(&arguments, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    if (!arguments.load_count) {
        set_default_loads(&arguments);
    }
    for (size_t i = 0; i < arguments.load_count; i++) {
        if (!run_load(&arguments, arguments.loads[i])) {
            return 1;
        }
    }
    return 0;
}
