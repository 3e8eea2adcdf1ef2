/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/durable.h"
#include "cli/interrupt.h"

static const struct option_row rows[] = {
    {.name = "prefix",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct watch, prefix),
     .help = "watch all keys that begin with KEY"},
    {.name = "from-rev",
     .argument = "REV",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct watch, from_revision),
     .min = 1,
     .max = INT64_MAX,
     .help = "begin with what happened at revision REV (now)"},
    {.name = "count",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct watch, count),
     .min = 1,
     .help = "end after N events"},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text =
        "larder watch - print what happens to a key, as it happens\n\n"
        "usage: larder watch [OPTIONS] KEY\n"
        "       larder watch [OPTIONS] --prefix GROUP[/PREFIX]\n\n"
        "For keys of durable groups. Each line is an event: the revision, put or delete, the key, and the value. It "
        "ends\n"
        "by Ctrl-C. When the connection is lost it comes back and goes on after the last revision, so that nothing is\n"
        "missed and nothing told twice. Goes over HTTP.\n\n"
        "examples:\n"
        "  larder watch config/app/mode\n"
        "  larder watch --prefix config/app/\n"
        "  larder watch --prefix config --from-rev 42     first what has happened since\n"
        "  larder watch config/lock --count 1             wait for the next change\n"
        "  larder watch --prefix config --json            one JSON object a line\n",
    .rows = rows,
    .min_words = 1,
    .max_words = 1,
    .words = "one KEY, or one GROUP[/PREFIX] with --prefix",
};

static void make_target(struct watch *w, const char *word) {
    struct target *target = &w->node.target;
    struct slice group, rest;

    if (!w->prefix) {
        target_begin(target, slice_from_string(word));
        target_add_flag(target, "watch");
        return;
    }
    durable_split(word, &group, &rest);
    durable_target(target, group);
    target_add(target, "prefix", rest);
    target_add_flag(target, "watch");
}

static int watch(struct watch *w) {
    int code = node_open(&w->node);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    make_target(w, w->word);
    if (w->node.target.failed) {
        return node_explain_error(&w->node, LARDER_ERROR_INVALID);
    }
    w->stop_fd = interrupt_catch();
    if (w->stop_fd < 0) {
        fprintf(stderr, "%s: %s\n", w->node.ask.program, strerror(errno));
        return EXIT_CODE_UNREACHABLE;
    }
    return watch_follow(w);
}

static int run(int argc, char **argv) {
    struct watch w = {.node = node_defaults("larder watch")};
    int count;
    int code;

    if (!ask_parse(&usage, argc, argv, &w.node.ask, &count, &code)) {
        return code;
    }
    w.word = argv[0];
    w.terminal = terminal_detect();
    events_init(&w.events);
    buf_init(&w.key, TRANSFER_BODY_MAX);
    buf_init(&w.value, TRANSFER_BODY_MAX);
    code = watch(&w);
    events_fini(&w.events);
    buf_fini(&w.key);
    buf_fini(&w.value);
    node_close(&w.node);
    return code;
}

const struct subcommand subcommand_watch = {"watch", "print what happens to a key, as it happens", run};
