/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_BENCH_ETCD_H
#define LARDER_CLI_BENCH_ETCD_BENCH_ETCD_H

/* `larder bench put|range|txn|watch|lease`, as a subcommand's run: argv[0] is the kind of load. */
int bench_etcd(int argc, char **argv);

#endif
