/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_SUBCOMMAND_H
#define LARDER_CLI_SUBCOMMAND_H

/* What `larder` exits with, for scripts. */
enum {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILURE = 1,     /* it was tried and did not work: not found, not stored */
    EXIT_CODE_USAGE = 2,       /* the arguments make no sense, or a file named there cannot be used */
    EXIT_CODE_UNREACHABLE = 3, /* the server could not be asked, or did not answer */
    EXIT_CODE_SERVER = 4,      /* the server answered with an error */
};

/* One subcommand of `larder`. `run` gets its own name as argv[0], understands --help, prints its results on standard
 * output, its troubles on standard error, and returns an exit code. */
struct subcommand {
    const char *name;
    const char *summary; /* one line for `larder --help` */
    int (*run)(int argc, char **argv);
};

extern const struct subcommand subcommand_get;
extern const struct subcommand subcommand_set;
extern const struct subcommand subcommand_del;
extern const struct subcommand subcommand_put;
extern const struct subcommand subcommand_ls;
extern const struct subcommand subcommand_watch;
extern const struct subcommand subcommand_group;
extern const struct subcommand subcommand_members;
extern const struct subcommand subcommand_ring;
extern const struct subcommand subcommand_stats;
extern const struct subcommand subcommand_flush;
extern const struct subcommand subcommand_status;
extern const struct subcommand subcommand_top;
extern const struct subcommand subcommand_audit;
extern const struct subcommand subcommand_restore;
extern const struct subcommand subcommand_trace;
extern const struct subcommand subcommand_bench;
extern const struct subcommand subcommand_simulate;

#endif
