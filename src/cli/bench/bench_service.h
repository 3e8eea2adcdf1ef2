/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_BENCH_SERVICE_H
#define LARDER_CLI_BENCH_BENCH_SERVICE_H

#include "cli/bench/progress.h"
#include "cli/bench/service.h"

/* `larder bench config`, as a subcommand's run. */
int bench_service(int argc, char **argv);

/* Stores every key, then puts the load on. Statistics are those of all workers, elapsed_ns the time that was measured.
 * False: the trouble was printed to standard error. */
bool bench_service_measure(struct service *service, const struct progress *progress, struct service_stats *ret_stats,
                           int64_t *ret_elapsed_ns);

#endif
