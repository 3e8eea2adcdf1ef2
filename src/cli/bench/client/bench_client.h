/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_CLIENT_BENCH_CLIENT_H
#define LARDER_CLI_BENCH_CLIENT_BENCH_CLIENT_H

/* `larder bench client put|range`; argv[0] is "client". Returns an exit code. */
int bench_client(int argc, char **argv);

#endif
