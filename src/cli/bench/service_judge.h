/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_SERVICE_JUDGE_H
#define LARDER_CLI_BENCH_SERVICE_JUDGE_H

#include "cli/bench/http_scan.h"
#include "cli/bench/service.h"

/* Judges the answer of `node` to a request, and enters it in the ledger and the worker's statistics. `latency_ns` is below
 * 0 when the request does not count: then only the judgement does.
 *
 * A write answered with 2xx is done, one with 4xx is not; of any other nobody knows, and its key is left alone from then
 * on. A DELETE that finds nothing where an acknowledged write had left a value is stale, as a GET would be. */
void service_judge(struct service *service, struct service_worker *worker, size_t node, const struct service_work *work,
                   const struct http_answer *answer, int64_t latency_ns);

#endif
