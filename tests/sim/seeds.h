/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_SEEDS_H
#define LARDER_TESTS_SIM_SEEDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "clock.h"

/* A test is run with several seeds, from 1 on. */

/* Reads `--seed N`, SIM_SEEDS, and SIM_TESTS (a pattern, with * and ?, of the tests to be run); for main. With
 * SIM_FIRST the first failure ends the program. */
void seeds_init(int argc, char **argv);

/* How often a test is run that asks for `usual` seeds; with --seed, the one it names. */
uint64_t seeds_first(void);
uint64_t seeds_count(uint64_t usual);

/* Told of each, so that what ends the process can be found: with SIM_TRACE=1 it is printed. */
uint64_t seeds_begin(uint64_t seed);

#define FOR_SEEDS(seed, usual)                                                                                         \
    for (uint64_t seed = seeds_first(), end_##seed = seed + seeds_count(usual);                                        \
         seed < end_##seed && seeds_begin(seed) != UINT64_MAX; seed++)

/* Whether SIM_TRACE is set, for what takes time to say. */
bool seeds_tracing(void);

/* Something of the faults and answers, for people; nothing without SIM_TRACE. */
void seeds_trace(const struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void seeds_trace_list(const struct sim *sim, const char *format, va_list list) __attribute__((format(printf, 2, 0)));

/* Fails the test and says which seed shows it again. */
#define ENSURE(condition, ...)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            seeds_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                                                 \
        }                                                                                                              \
    } while (0)

void seeds_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));
void seeds_failed_list(const char *file, int line, const char *condition, const char *format, va_list list)
    __attribute__((noreturn, format(printf, 4, 0)));

#endif
