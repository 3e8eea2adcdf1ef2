/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_LISTENER_PROCESS_H
#define LARDER_CLI_BENCH_LISTENER_PROCESS_H

#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

/* The process of this machine that listens on the endpoint. Errors: NOT_FOUND (the address is another machine's, or the
 * process may not be looked at, or several listen there). */
enum larder_error listener_process(const struct endpoint *endpoint, uint64_t *ret_pid);

#endif
