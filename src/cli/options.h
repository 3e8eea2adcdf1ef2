/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_OPTIONS_H
#define LARDER_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Command line options as a table: what there is, what it means, and into which field of a struct it goes. */
enum option_kind {
    OPTION_FLAG,     /* bool; takes no argument */
    OPTION_COUNT,    /* uint64_t, from min to max */
    OPTION_SIZE,     /* uint64_t bytes, with k, m, g; from min to max */
    OPTION_DURATION, /* int64_t nanoseconds, with us, ms, s, m, h; from min to max */
    OPTION_TEXT,     /* const char *, borrowed from argv */
    OPTION_CUSTOM,   /* whatever `set` makes of it */
};

/* A row whose name is a single letter is the short form, `-o`, of the row before it, and is printed with that one. */
struct option_row {
    const char *name;     /* without the dashes */
    const char *argument; /* its name in the help; NULL for a flag */
    const char *help;
    enum option_kind kind;
    size_t offset; /* of the field in the target */
    uint64_t min;
    uint64_t max; /* 0: no limit */
    /* OPTION_CUSTOM: false, with a static text in ret_reason, when it cannot be read. */
    bool (*set)(void *field, const char *value, const char **ret_reason);
};

enum options_outcome { OPTIONS_DONE, OPTIONS_HELP, OPTIONS_WRONG };

/* Reads `--name value`, `--name=value`, `-n value` and `-nvalue` into `target` and moves what is no option to the front
 * of argv (argv[0] is left out); `--` ends the options. The table ends with a row whose name is NULL. OPTIONS_HELP:
 * --help or -h was there. OPTIONS_WRONG: a sentence, beginning with `program`, was printed to standard error. */
enum options_outcome options_parse(const struct option_row *rows, const char *program, int argc, char **argv,
                                   void *target, int *ret_positional_count);

/* Prints the table, one option a line, aligned; further lines of a help text are indented. */
void options_print(const struct option_row *rows, FILE *to);

#endif
