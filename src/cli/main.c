/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/observe/tool_trace.h"
#include "cli/subcommand.h"

static const struct subcommand *const subcommands[] = {
    &subcommand_get,   &subcommand_set,    &subcommand_del,      &subcommand_put,   &subcommand_ls,
    &subcommand_watch, &subcommand_group,  &subcommand_members,  &subcommand_ring,  &subcommand_stats,
    &subcommand_flush, &subcommand_status, &subcommand_top,      &subcommand_audit, &subcommand_restore,
    &subcommand_trace, &subcommand_bench,  &subcommand_simulate,
};

enum { SUBCOMMAND_COUNT = sizeof(subcommands) / sizeof(subcommands[0]) };

static void print_help(FILE *to) {
    fputs("larder - ask, fill, watch and measure a Larder, or a cache that speaks memcached\n\n"
          "usage: larder COMMAND [ARGUMENTS]\n\n"
          "commands:\n",
          to);
    for (int i = 0; i < SUBCOMMAND_COUNT; i++) {
        fprintf(to, "  %-10s %s\n", subcommands[i]->name, subcommands[i]->summary);
    }
    fputs("  help       explain a command: larder help COMMAND\n\n"
          "options:\n"
          "  --help     print this\n"
          "  --version  print the version\n\n"
          "exit codes: 0 done, 1 not found or failed, 2 wrong arguments, 3 the server cannot be reached, 4 a server "
          "error\n",
          to);
}

static const struct subcommand *find_subcommand(const char *name) {
    for (int i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(subcommands[i]->name, name) == 0) {
            return subcommands[i];
        }
    }
    return NULL;
}

/* A full disk must not look like success. */
static int finish(int code) {
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return code;
    }
    perror("larder: cannot write to standard output");
    return EXIT_CODE_USAGE;
}

static int complain_unknown(const char *name) {
    fprintf(stderr, "larder: there is no command '%s'; see larder --help\n", name);
    return EXIT_CODE_USAGE;
}

static int run_help(int argc, char **argv) {
    const struct subcommand *subcommand;
    char help[] = "--help";
    char *arguments[] = {NULL, help, NULL};

    if (argc < 3) {
        print_help(stdout);
        return EXIT_CODE_OK;
    }
    subcommand = find_subcommand(argv[2]);
    if (subcommand == NULL) {
        return complain_unknown(argv[2]);
    }
    arguments[0] = argv[2];
    return subcommand->run(2, arguments);
}

static int run_traced(const struct subcommand *subcommand, int argc, char **argv) {
    int code;

    tool_trace_begin(subcommand->name);
    code = finish(subcommand->run(argc, argv));
    tool_trace_end(code);
    return code;
}

int main(int argc, char **argv) {
    const struct subcommand *subcommand;

    if (argc < 2) {
        print_help(stderr);
        return EXIT_CODE_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("larder " LARDER_VERSION);
        return EXIT_CODE_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        return run_help(argc, argv);
    }
    subcommand = find_subcommand(argv[1]);
    if (subcommand == NULL) {
        return complain_unknown(argv[1]);
    }
    /* A collector that sent spans would have them come back to it. */
    if (subcommand == &subcommand_trace) {
        return finish(subcommand->run(argc - 1, argv + 1));
    }
    return run_traced(subcommand, argc - 1, argv + 1);
}
