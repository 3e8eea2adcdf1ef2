/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_ASK_H
#define LARDER_CLI_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/subcommand.h"
#include "client/client.h"

/* What the subcommands that ask a server have in common: which server, how long, how to print, what to say and to exit
 * with when it does not work. */
struct ask {
    const char *program; /* "larder get" */
    const char *server;  /* --server, else LARDER_SERVER, else the default */
    const char *user;    /* "NAME:PASSWORD" of --user, else LARDER_USER; NULL: nobody */
    int64_t timeout_ns;
    bool json;
    struct client *client; /* NULL until ask_open */
};

/* Rows for a table of options whose target begins with a struct ask. `wait` is the text of the default timeout. */
#define ASK_ROWS_THAT_WAIT(wait)                                                                                       \
    {.name = "server",                                                                                                 \
     .argument = "HOST:PORT",                                                                                          \
     .kind = OPTION_TEXT,                                                                                              \
     .offset = offsetof(struct ask, server),                                                                           \
     .help = "the server: HOST:PORT, [IPv6]:PORT or unix:PATH;\n"                                                      \
             "without it LARDER_SERVER, and without that 127.0.0.1:11211"},                                            \
        {.name = "user",                                                                                               \
         .argument = "NAME:PASSWORD",                                                                                  \
         .kind = OPTION_TEXT,                                                                                          \
         .offset = offsetof(struct ask, user),                                                                         \
         .help = "who asks, if the server wants to know; without it LARDER_USER,\n"                                    \
                 "which others on this machine cannot see"},                                                           \
        {.name = "timeout",                                                                                            \
         .argument = "TIME",                                                                                           \
         .kind = OPTION_DURATION,                                                                                      \
         .offset = offsetof(struct ask, timeout_ns),                                                                   \
         .min = 1000000,                                                                                               \
         .max = UINT64_C(86400000000000),                                                                              \
         .help = "how long to wait for an answer (" wait ")"},                                                         \
    {                                                                                                                  \
        .name = "json", .kind = OPTION_FLAG, .offset = offsetof(struct ask, json), .help = "print JSON, for programs"  \
    }

#define ASK_ROWS ASK_ROWS_THAT_WAIT("5s")

/* The help's section on exit codes. */
#define ASK_EXIT_CODES                                                                                                 \
    "exit codes:\n"                                                                                                    \
    "  0 done   1 not found, not stored   2 wrong arguments, unusable file\n"                                          \
    "  3 the server cannot be reached     4 the server answered with an error\n"

/* The state before the options are read. */
struct ask ask_defaults(const char *program);

/* What a subcommand is, for ask_parse. */
struct ask_usage {
    const char *text; /* what stands above the options in the help */
    const struct option_row *rows;
    int min_words;
    int max_words;     /* positional arguments */
    const char *words; /* "KEY..." */
};

/* Reads the command line. False: help was printed, or what is wrong; the program ends with *ret_code. */
bool ask_parse(const struct ask_usage *usage, int argc, char **argv, struct ask *target, int *ret_words, int *ret_code);

/* Reads ask->server. Returns an exit code; when it is not EXIT_CODE_OK, the reason was printed. */
int ask_read_server(const struct ask *ask, struct address *ret_address);

/* Whether ask->user can be a name and a password. False: it was printed that it cannot. */
bool ask_user_is_good(const struct ask *ask, int *ret_code);

/* Makes ask->client, and says who asks. Returns an exit code; when it is not EXIT_CODE_OK, the reason was printed. */
int ask_open(struct ask *ask);

/* NULL client is allowed. */
void ask_close(struct ask *ask);

/* Says on standard error that the server could not be asked, why, and what to do. Returns the exit code for it. */
int ask_explain_error(const struct ask *ask, enum larder_error error);

/* Says what the server refused, in its words: `what` is "set k". Returns the exit code for it. */
int ask_explain_refusal(const struct ask *ask, const char *what, const struct answer *answer);

/* Whether the answer is the server's refusal of a wrong or impossible request. */
bool ask_is_refusal(const struct answer *answer);

/* The worse of two exit codes. */
static inline int ask_worse(int a, int b) {
    return a > b ? a : b;
}

#endif
