/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_INTERRUPT_H
#define LARDER_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on SIGINT and SIGTERM do not end the program but make the descriptor readable that is returned, for a command
 * that ends by them. -1: errno says why. It is never closed. */
int interrupt_catch(void);

/* Waits. True: it was interrupted before the time was over. */
bool interrupt_wait(int fd, int64_t wait_ns);

#endif
