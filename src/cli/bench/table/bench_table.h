/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_TABLE_BENCH_TABLE_H
#define LARDER_CLI_BENCH_TABLE_BENCH_TABLE_H

/* `larder bench table`; argv[0] is "table". Returns an exit code. */
int bench_table(int argc, char **argv);

#endif
