/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SIMULATE_DUMP_H
#define LARDER_CLI_SIMULATE_DUMP_H

#include "cli/simulate/config.h"

/* Writes the operations of the scenario to config->dump, one a line: "CREATE d000000042 10.1.2.3". Returns an exit code; when
 * it is not EXIT_CODE_OK, the reason was printed. */
int simulate_dump(const struct simulate_config *config);

#endif
