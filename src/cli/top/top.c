/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/json_out.h"
#include "cli/top/draw.h"
#include "cli/top/nodes.h"
#include "ring/heat.h"

enum {
    ROWS = 20,       /* without a terminal that says how many it has */
    ROWS_BESIDE = 4, /* of a terminal, for what is not the table */
    ROWS_LEAST = 3,
};

struct top {
    struct node node; /* first: ASK_ROWS */
    bool keys;
    bool local;
    bool once;
    int64_t interval_ns; /* 0: not given */
    uint64_t count;      /* 0: likewise */
    struct terminal terminal;
    struct top_nodes nodes;
    struct top_look before; /* of the last round; no answers: there was none */
    int stop_fd;
};

static const struct option_row rows[] = {
    {.name = "keys",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct top, keys),
     .help = "the keys that are asked for most, instead of the groups"},
    {.name = "count",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct top, count),
     .min = 1,
     .max = HEAT_LISTED_MAX,
     .help = "show N of them at most (as many as the terminal has lines, else 20)"},
    {.name = "local",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct top, local),
     .help = "only what clients ask the server itself, not its whole cluster"},
    {.name = "interval",
     .argument = "TIME",
     .kind = OPTION_DURATION,
     .offset = offsetof(struct top, interval_ns),
     .min = 100000000,
     .max = UINT64_C(86400000000000),
     .help = "how often it looks (1s)"},
    {.name = "once",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct top, once),
     .help = "show it once and end; so does --json without --interval"},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text =
        "larder top - what is asked for most, as it changes\n\n"
        "usage: larder top [OPTIONS]          how busy each group is\n"
        "       larder top --keys [OPTIONS]   which keys are asked for most\n\n"
        "Looks each second until Ctrl-C. In a cluster all members are asked and added up; each tells what its own\n"
        "clients asked for, so no request counts twice, wherever its key lives.\n\n"
        "RATE/S is requests of clients in a second, SHARE % their part of all. HITS % is of the reads between two "
        "looks.\n"
        "OWNER is the node on which the key lives. Keys in yellow are hot: a node is asked for them as often as its\n"
        "option hot-rate says, or more. Rates of keys are estimates over the last few seconds, since one request in 8 "
        "is\n"
        "counted; keys with less than ten or so a second are not listed. If a node has too much to do for a hot\n"
        "key, let clients keep its value for a moment, or spread it over several keys. Goes over HTTP.\n\n"
        "examples:\n"
        "  larder top\n"
        "  larder top --keys\n"
        "  larder top --keys --count 5 --once\n"
        "  larder top --keys --json | jq -r '.keys[] | select(.hot) | .key'\n"
        "  larder top --json --interval 10s           one object each 10 seconds\n",
    .rows = rows,
    .max_words = 0,
    .words = "no words",
};

static bool is_single(const struct top *t) {
    return t->once || (t->node.ask.json && t->interval_ns == 0);
}

static int64_t interval_of(const struct top *t) {
    return t->interval_ns != 0 ? t->interval_ns : CLOCK_NS_PER_S;
}

/* --- showing --- */

/* The window may have another size each time. */
static struct top_screen screen_of(const struct top *t) {
    struct winsize window = {0};
    struct top_screen screen = {
        .to = stdout,
        .terminal = &t->terminal,
        .live = t->terminal.is_terminal && !is_single(t),
        .rows = t->count != 0 ? (size_t)t->count : ROWS,
        .nodes = t->nodes.answered,
        .missing = t->nodes.missing,
    };

    if (t->terminal.is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0) {
        size_t room = window.ws_row > ROWS_BESIDE + ROWS_LEAST ? window.ws_row - ROWS_BESIDE : ROWS_LEAST;

        screen.width = window.ws_col;
        screen.rows = t->count == 0 || (screen.live && room < t->count) ? room : screen.rows;
    }
    return screen;
}

static void print_json(const struct top *t, json_t *object) {
    json_set(object, "nodes", json_integer((json_int_t)t->nodes.answered));
    json_set(object, "missing", json_deep_copy(t->nodes.missing));
    json_print_line(object);
}

/* Between two tables that do not stand over each other. */
static void part(const struct top *t) {
    if (!t->node.ask.json && !is_single(t) && !t->terminal.is_terminal) {
        putchar('\n');
    }
}

/* --- keys --- */

static void take_keys(void *ctx, const char *id, json_t *answer) {
    (void)id;
    top_keys_add(ctx, answer);
    json_decref(answer);
}

static int show_keys(struct top *t) {
    struct top_screen screen;
    struct top_keys keys = {0};
    struct target target;
    int code;

    target_init(&target);
    target_begin(&target, SLICE("admin/hot"));
    target_add_number(&target, "max", HEAT_LISTED_MAX);
    code = top_nodes_ask(&t->nodes, buf_slice(&target.text), "tell its hot keys", take_keys, &keys);
    target_fini(&target);
    if (code == EXIT_CODE_OK) {
        screen = screen_of(t);
        top_keys_sum(&keys, screen.rows);
        if (t->node.ask.json) {
            print_json(t, top_keys_json(&keys));
        } else {
            top_draw_keys(&screen, &keys);
        }
        part(t);
    }
    top_keys_fini(&keys);
    return code;
}

/* --- groups --- */

static void take_groups(void *ctx, const char *id, json_t *answer) {
    json_set(ctx, id, answer);
}

static void show_difference(struct top *t, const struct top_look *after) {
    struct top_screen screen = screen_of(t);
    struct top_groups groups;

    top_groups_between(&t->before, after, &groups);
    groups.count = groups.count > screen.rows ? screen.rows : groups.count;
    if (t->node.ask.json) {
        print_json(t, top_groups_json(&groups));
    } else {
        top_draw_groups(&screen, &groups);
    }
    part(t);
    top_groups_fini(&groups);
}

static int look_at_groups(struct top *t) {
    struct top_look after = {.answers = json_object()};
    int code = top_nodes_ask(&t->nodes, SLICE("/admin/groups"), "list its groups", take_groups, after.answers);

    if (code != EXIT_CODE_OK) {
        json_decref(after.answers);
        return code;
    }
    after.at_ns = clock_monotonic_ns();
    if (t->before.answers != NULL) {
        show_difference(t, &after);
        json_decref(t->before.answers);
    }
    t->before = after;
    return code;
}

/* --- again and again --- */

/* True: it was interrupted. */
static bool pause_a_while(const struct top *t) {
    return fflush(stdout) != 0 || interrupt_wait(t->stop_fd, interval_of(t));
}

/* Rates of groups take two looks. */
static int first_look(struct top *t) {
    int code;

    if (t->terminal.is_terminal && !is_single(t)) {
        printf("\033[H\033[J"); /* home, and erase what is below */
    }
    code = t->keys ? show_keys(t) : look_at_groups(t);
    if (code == EXIT_CODE_OK && !t->keys && !pause_a_while(t)) {
        code = look_at_groups(t);
    }
    return code;
}

/* Once it has worked, a server that goes away is waited for, as larder stats --watch does. */
static int follow(struct top *t) {
    int code = first_look(t);

    if (code != EXIT_CODE_OK || is_single(t)) {
        return code;
    }
    while ((code == EXIT_CODE_OK || code == EXIT_CODE_UNREACHABLE) && !pause_a_while(t)) {
        code = t->keys ? show_keys(t) : look_at_groups(t);
    }
    return code;
}

static int top(struct top *t) {
    int code = node_open(&t->node);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    t->stop_fd = interrupt_catch();
    if (t->stop_fd < 0) {
        fprintf(stderr, "%s: %s\n", t->node.ask.program, strerror(errno));
        return EXIT_CODE_UNREACHABLE;
    }
    return follow(t);
}

static int run(int argc, char **argv) {
    struct top t = {.node = node_defaults("larder top")};
    int count;
    int code;

    if (!ask_parse(&usage, argc, argv, &t.node.ask, &count, &code)) {
        return code;
    }
    t.terminal = terminal_detect();
    top_nodes_init(&t.nodes, &t.node, t.local);
    code = top(&t);
    json_decref(t.before.answers);
    top_nodes_fini(&t.nodes);
    node_close(&t.node);
    return code;
}

const struct subcommand subcommand_top = {"top", "show which keys and groups are asked for most", run};
