/* SPDX-License-Identifier: Apache-2.0 */
#include "seeds.h"

#include <inttypes.h>
#include <string.h>

static uint64_t only_seed;
static uint64_t wanted_seeds;
static uint64_t current_seed;
static bool tracing;

void seeds_init(int argc, char **argv) {
    const char *count = getenv("SIM_SEEDS");

    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        only_seed = strtoull(argv[2], NULL, 10);
    }
    wanted_seeds = count == NULL ? 0 : strtoull(count, NULL, 10);
    tracing = getenv("SIM_TRACE") != NULL;
    if (getenv("SIM_TESTS") != NULL) {
        cmocka_set_test_filter(getenv("SIM_TESTS"));
    }
}

uint64_t seeds_first(void) {
    return only_seed > 0 ? only_seed : 1;
}

uint64_t seeds_count(uint64_t usual) {
    return only_seed > 0 ? 1 : wanted_seeds > 0 ? wanted_seeds : usual;
}

uint64_t seeds_begin(uint64_t seed) {
    current_seed = seed;
    if (tracing) {
        (void)fprintf(stderr, "seed %" PRIu64 "\n", seed);
    }
    return seed;
}

bool seeds_tracing(void) {
    return tracing;
}

void seeds_trace_list(const struct sim *sim, const char *format, va_list list) {
    if (tracing) {
        (void)fprintf(stderr, "%12.6f ", (double)(sim->now_ns % (3600 * SIM_S)) / (double)SIM_S);
        (void)vfprintf(stderr, format, list);
        (void)fputc('\n', stderr);
    }
}

void seeds_trace(const struct sim *sim, const char *format, ...) {
    va_list list;

    va_start(list, format);
    seeds_trace_list(sim, format, list);
    va_end(list);
}

void seeds_failed_list(const char *file, int line, const char *condition, const char *format, va_list list) {
    char text[512];

    (void)vsnprintf(text, sizeof(text), format, list);
    if (getenv("SIM_FIRST") != NULL) {
        (void)fprintf(stderr, "%s:%d: %s: %s (again with --seed %" PRIu64 ")\n", file, line, condition, text,
                      current_seed);
        _Exit(1);
    }
    fail_msg("%s:%d: %s: %s (again with --seed %" PRIu64 ")", file, line, condition, text, current_seed);
    abort();
}

void seeds_failed(const char *file, int line, const char *condition, const char *format, ...) {
    va_list list;

    va_start(list, format);
    seeds_failed_list(file, line, condition, format, list);
}
