/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "cli/options.h"
#include "cli/subcommand.h"
#include "cli/trace/draw.h"
#include "cli/trace/listen.h"
#include "cli/trace/print_json.h"
#include "cli/value_input.h"

#define PROGRAM "larder trace"

enum { QUIET_S = 1 /* a trace of which nothing has come for so long is shown */, WHY_MAX = 1024, LOOK_NS = 100000000 };

struct trace_command {
    const char *listen;
    uint64_t spans; /* 0: until it is interrupted */
    uint64_t width;
    bool attributes;
    bool json;
    struct drawing drawing;
    uint64_t came; /* spans so far, of traces that were shown */
    bool nothing_shown;
    int64_t next_look_ns;
};

static const struct option_row rows[] = {
    {.name = "listen",
     .argument = "HOST:PORT",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct trace_command, listen),
     .help = "be a collector at this address, and show traces as they come;\n"
             "programs look for one at 127.0.0.1:4318"},
    {.name = "spans",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct trace_command, spans),
     .min = 1,
     .help = "with --listen: end when so many spans have come"},
    {.name = "attributes",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct trace_command, attributes),
     .help = "show the attributes of each span too"},
    {.name = "width",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct trace_command, width),
     .min = DRAW_WIDTH_MIN,
     .max = DRAW_WIDTH_MAX,
     .help = "columns (those of the terminal, else 100)"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct trace_command, json),
     .help = "print JSON, for programs: a line for each trace"},
    {.name = NULL},
};

static void print_help(void) {
    fputs(PROGRAM
          " - draw traces: who called whom, when, and for how long\n\n"
          "usage: larder trace [OPTIONS] [FILE...]\n"
          "       larder trace --listen HOST:PORT [OPTIONS]\n\n"
          "Reads OTLP, the format of OpenTelemetry, in protobuf or JSON, from files or from standard input; or\n"
          "listens for programs that send it by HTTP. Each trace is drawn as a waterfall:\n\n"
          "  trace 4bf92f3577b34da6a3ce929d0e0e4736  shop  3 spans  12.1 ms  2026-11-27 10:15:30\n"
          "  checkout    ####################   12.1 ms\n"
          "  |-lookup    ###.................   1.80 ms  * Cache miss\n"
          "  `-charge    ...#################   10.2 ms  ! card declined\n\n"
          "A line is a span, a piece of work, and stands below the one that began it. Its bar shows when it was at\n"
          "work within the whole trace; then come how long that took, events, and, in red, why it failed. A name\n"
          "in brackets is that of another program.\n\n"
          "examples:\n"
          "  larder trace --listen 127.0.0.1:4318 &          then run a program that is instrumented:\n"
          "  build/examples/fibonacci 127.0.0.1:11211\n"
          "  larder trace spans.json                         what a collector has written to a file\n"
          "  larder trace --json spans.pb | jq '.spans[].name'\n"
          "\noptions:\n",
          stdout);
    options_print(rows, stdout);
    fputs("\nexit codes:\n"
          "  0 done   1 there was no span   2 wrong arguments, an unusable file or address\n",
          stdout);
}

/* --- showing --- */

static void show(struct trace_command *t, const struct trace_tree *tree) {
    if (t->json) {
        print_trace_json(tree);
    } else {
        if (!t->nothing_shown) {
            putchar('\n');
        }
        draw_trace(&t->drawing, tree);
    }
    t->nothing_shown = false;
    fflush(stdout);
}

/* Those of which nothing has come since `before_ns`. False: no memory. */
static bool show_quiet(struct trace_command *t, struct gather *gather, int64_t before_ns) {
    size_t count;
    struct trace_tree *trees = trace_trees(gather, &count);

    for (size_t i = 0; trees != NULL && i < count; i++) {
        if (trees[i].came_ns <= before_ns) {
            show(t, &trees[i]);
            t->came += trees[i].count;
        }
    }
    if (trees == NULL && count > 0) {
        fprintf(stderr, PROGRAM ": out of memory\n");
        return false;
    }
    free(trees);
    gather_forget_shown(gather);
    return true;
}

static int sum_up(const struct trace_command *t, const struct gather *gather) {
    if (gather->refused > 0) {
        fprintf(stderr, PROGRAM ": %zu spans without valid ids were left out\n", gather->refused);
    }
    if (t->nothing_shown) {
        fprintf(stderr, PROGRAM ": there was no span\n");
        return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_OK;
}

/* --- files --- */

static bool read_input(struct gather *gather, const char *path) {
    bool is_stdin = path == NULL || strcmp(path, "-") == 0, done;
    struct buf input, why;

    buf_init(&input, GATHER_MAX);
    buf_init(&why, WHY_MAX);
    done = is_stdin ? value_from_stdin(PROGRAM, &input) : value_from_file(PROGRAM, path, &input);
    if (done && gather_any(gather, buf_slice(&input), 0, &why) != LARDER_OK) {
        fprintf(stderr, PROGRAM ": %s: %.*s\n", is_stdin ? "standard input" : path, (int)why.size,
                why.size > 0 ? why.data : "");
        done = false;
    }
    buf_fini(&why);
    buf_fini(&input);
    return done;
}

static int run_files(struct trace_command *t, struct gather *gather, int count, char **paths) {
    for (int i = 0; i < (count == 0 ? 1 : count); i++) {
        if (!read_input(gather, count == 0 ? NULL : paths[i])) {
            return EXIT_CODE_USAGE;
        }
    }
    return show_quiet(t, gather, INT64_MAX) ? sum_up(t, gather) : EXIT_CODE_FAILURE;
}

/* --- listening --- */

static bool look(void *ctx, struct gather *gather, int64_t now_ns) {
    struct trace_command *t = ctx;

    if (t->spans > 0 && t->came + gather->count >= t->spans) {
        return true;
    }
    if (gather->count == 0 || now_ns < t->next_look_ns) {
        return false;
    }
    t->next_look_ns = now_ns + LOOK_NS;
    return !show_quiet(t, gather, now_ns - QUIET_S * CLOCK_NS_PER_S);
}

static int run_listener(struct trace_command *t, struct gather *gather) {
    struct listen_config config = {.program = PROGRAM, .looks = look, .ctx = t};
    const char *reason;
    int code;

    if (!address_parse(slice_from_string(t->listen), &config.address, &reason)) {
        fprintf(stderr, PROGRAM ": the address '%s' cannot be read: %s; write it like 127.0.0.1:4318\n", t->listen,
                reason);
        return EXIT_CODE_USAGE;
    }
    code = listen_run(&config, gather);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    return show_quiet(t, gather, INT64_MAX) ? sum_up(t, gather) : EXIT_CODE_FAILURE;
}

/* --- the command --- */

static size_t width_of(const struct trace_command *t) {
    struct winsize window = {0};

    if (t->width > 0) {
        return t->width;
    }
    if (t->drawing.terminal.is_terminal && ioctl(1, TIOCGWINSZ, &window) == 0 && window.ws_col >= DRAW_WIDTH_MIN) {
        return window.ws_col < DRAW_WIDTH_MAX ? window.ws_col : DRAW_WIDTH_MAX;
    }
    return DRAW_WIDTH;
}

static bool is_consistent(const struct trace_command *t, int words) {
    if (t->listen != NULL && words > 0) {
        fprintf(stderr, PROGRAM ": either files or --listen; see " PROGRAM " --help\n");
        return false;
    }
    if (t->listen == NULL && t->spans > 0) {
        fprintf(stderr, PROGRAM ": --spans is for --listen; see " PROGRAM " --help\n");
        return false;
    }
    return true;
}

static int run(int argc, char **argv) {
    struct trace_command t = {.nothing_shown = true};
    struct gather gather;
    int words, code;

    switch (options_parse(rows, PROGRAM, argc, argv, &t, &words)) {
    case OPTIONS_HELP:
        print_help();
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    if (!is_consistent(&t, words)) {
        return EXIT_CODE_USAGE;
    }
    t.drawing = (struct drawing){.to = stdout, .terminal = terminal_detect(), .attributes = t.attributes};
    t.drawing.width = width_of(&t);
    gather_init(&gather);
    code = t.listen != NULL ? run_listener(&t, &gather) : run_files(&t, &gather, words, argv);
    gather_fini(&gather);
    return code;
}

const struct subcommand subcommand_trace = {"trace", "draw traces from files, or as programs send them", run};
