/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_PREPARE_H
#define LARDER_CLI_BENCH_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/config.h"
#include "cli/bench/run.h"

/* Readies this process for a load: keeps its threads on the processors given, and allows as many descriptors as it may
 * have. False: the trouble was printed to standard error. */
bool prepare_process(const struct pins *pins);

/* Makes sure that the server answers, in HTTP or in memcached's words, and that there is a process `pid` to look at (0:
 * none). False: the trouble was printed to standard error. */
bool subject_find(struct subject *ret_subject, const struct address *address, uint64_t pid, bool http);

#endif
