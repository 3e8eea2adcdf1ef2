/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_STATUS_NODE_H
#define LARDER_CLI_STATUS_NODE_H

#include "cli/ask.h"

/* Prints how the server is that `ask` is open to: Larder, or memcached. Returns an exit code; when it is not EXIT_CODE_OK,
 * the reason was printed. */
int status_node(const struct ask *ask);

#endif
