/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_COMMAND_LINE_H
#define LARDER_DAEMON_COMMAND_LINE_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/options.h"

/* Reads everything the operator said (options_load) into `o`, which the caller ends with options_fini in any case, and
 * does what is no work for a node: --help, --version, --check-config, and complaining about mistakes. `out` is for what
 * was asked for, `err` for complaints. True: a node is to be started. False: *ret_status is the exit status. */
bool command_line_read(int argc, char *const *argv, char *const *environment, FILE *out, FILE *err, struct options *o,
                       int *ret_status);

#endif
