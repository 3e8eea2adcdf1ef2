/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_RING_H
#define LARDER_CLI_RING_H

/* `larder ring simulate`: argv[0] is the word simulate. Asks nobody. Returns an exit code. */
int ring_simulate(int argc, char **argv);

#endif
