/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/stat_list.h"
#include "cli/terminal.h"

struct stats {
    struct ask ask; /* first: ASK_ROWS */
    bool watch;
    int64_t interval_ns;
    struct slice name;
    struct terminal terminal;
    struct stat_list previous; /* of the watch's last round; empty in the first */
    int64_t previous_ns;
};

static const struct option_row rows[] = {
    {.name = "watch",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct stats, watch),
     .help = "ask again and again, and show what changed a second; ends with Ctrl-C"},
    {.name = "interval",
     .argument = "TIME",
     .kind = OPTION_DURATION,
     .offset = offsetof(struct stats, interval_ns),
     .min = 10000000,
     .help = "the pause of --watch (1s)"},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text = "larder stats - print a server's statistics\n\n"
            "usage: larder stats [OPTIONS] [NAME]\n\n"
            "Without a NAME the general ones; others are settings, items, slabs, conns, sizes, as far as the server\n"
            "knows them. For an overview: larder status\n\n"
            "examples:\n"
            "  larder stats\n"
            "  larder stats settings\n"
            "  larder stats --watch                   what moves, and how fast\n"
            "  larder stats --json | jq .curr_items\n",
    .rows = rows,
    .min_words = 0,
    .max_words = 1,
    .words = "at most one NAME",
};

static void print_json(const struct stat_list *list) {
    json_t *object = json_object();

    for (size_t i = 0; i < list->count; i++) {
        const struct stat_line *line = &list->lines[i];

        if (line->is_number && line->number <= INT64_MAX) {
            json_set(object, line->name, json_integer((json_int_t)line->number));
        } else {
            json_set_bytes(object, line->name, slice_from_string(line->value));
        }
    }
    json_print_line(object);
}

static int name_width(const struct stat_list *list) {
    size_t width = 0;

    for (size_t i = 0; i < list->count; i++) {
        size_t size = strlen(list->lines[i].name);

        width = size > width ? size : width;
    }
    return (int)(width > 40 ? 40 : width);
}

/* How much the line's number rose in a second since the last round; false when it did not change or was no number. */
static bool find_rate(const struct stats *stats, const struct stat_line *line, int64_t now_ns, double *ret_rate) {
    const struct stat_line *before = stat_list_find(&stats->previous, line->name);
    double seconds = (double)(now_ns - stats->previous_ns) / (double)CLOCK_NS_PER_S;

    if (before == NULL || !before->is_number || !line->is_number || before->number == line->number) {
        return false;
    }
    *ret_rate = ((double)line->number - (double)before->number) / seconds;
    return true;
}

static const char *printable(const char *text) {
    return human_readable(slice_from_string(text)) ? text : "(not text)";
}

static void print_list(const struct stats *stats, const struct stat_list *list, int64_t now_ns) {
    int width = name_width(list);
    double rate;

    for (size_t i = 0; i < list->count; i++) {
        const struct stat_line *line = &list->lines[i];

        printf("%-*s  ", width, printable(line->name));
        if (stats->watch && find_rate(stats, line, now_ns, &rate)) {
            printf("%s%-20s  %+.1f/s%s\n", stats->terminal.bold, line->value, rate, stats->terminal.plain);
        } else {
            printf("%s\n", printable(line->value));
        }
    }
}

static void print(const struct stats *stats, const struct stat_list *list, int64_t now_ns) {
    if (stats->ask.json) {
        print_json(list);
        return;
    }
    if (stats->watch && stats->terminal.is_terminal) {
        /* Home, and erase what is below. */
        printf("\033[H\033[J");
    }
    print_list(stats, list, now_ns);
    if (stats->watch && !stats->terminal.is_terminal) {
        putchar('\n');
    }
}

static int ask_once(struct stats *stats) {
    struct stat_list list;
    int64_t now_ns;
    int code;

    stat_list_init(&list);
    code = stat_list_fetch(&list, &stats->ask, stats->name);
    now_ns = clock_monotonic_ns();
    if (code != EXIT_CODE_OK) {
        stat_list_fini(&list);
        return code;
    }
    print(stats, &list, now_ns);
    stat_list_fini(&stats->previous);
    stats->previous = list;
    stats->previous_ns = now_ns;
    return EXIT_CODE_OK;
}

/* Once it has worked, a server that goes away is waited for: a watch is there to see that too. */
static int watch(struct stats *stats) {
    const struct timespec pause = {.tv_sec = stats->interval_ns / CLOCK_NS_PER_S,
                                   .tv_nsec = stats->interval_ns % CLOCK_NS_PER_S};
    int code = ask_once(stats);

    while (code == EXIT_CODE_OK || (code == EXIT_CODE_UNREACHABLE && stats->previous_ns != 0)) {
        if (fflush(stdout) != 0) {
            return EXIT_CODE_OK;
        }
        nanosleep(&pause, NULL);
        code = ask_once(stats);
    }
    return code;
}

static int run(int argc, char **argv) {
    struct stats stats = {.ask = ask_defaults("larder stats"), .interval_ns = CLOCK_NS_PER_S};
    int count;
    int code;

    if (!ask_parse(&usage, argc, argv, &stats.ask, &count, &code)) {
        return code;
    }
    stats.name = count == 0 ? slice_make(NULL, 0) : slice_from_string(argv[0]);
    if (!human_readable(stats.name) || strcspn(count == 0 ? "" : argv[0], " \t\n") != stats.name.size) {
        fprintf(stderr, "%s: the NAME of statistics is one word\n", stats.ask.program);
        return EXIT_CODE_USAGE;
    }
    stats.terminal = terminal_detect();
    stat_list_init(&stats.previous);
    code = ask_open(&stats.ask);
    if (code == EXIT_CODE_OK) {
        code = stats.watch ? watch(&stats) : ask_once(&stats);
    }
    stat_list_fini(&stats.previous);
    ask_close(&stats.ask);
    return code;
}

const struct subcommand subcommand_stats = {"stats", "print a server's statistics", run};
