/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/clock.h"
#include "cli/ask.h"
#include "cli/human.h"
#include "cli/json_out.h"

struct flush {
    struct ask ask; /* first: ASK_ROWS */
    int64_t delay_ns;
    bool yes;
    int code;
};

static const struct option_row rows[] = {
    {.name = "delay",
     .argument = "TIME",
     .kind = OPTION_DURATION,
     .offset = offsetof(struct flush, delay_ns),
     .help = "not now but after TIME: 30, 90s, 10m (0)"},
    {.name = "yes",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct flush, yes),
     .help = "do not ask; needed when there is no terminal to ask on"},
    {.name = "y", .kind = OPTION_FLAG, .offset = offsetof(struct flush, yes)},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text = "larder flush - forget everything that a server has cached\n\n"
            "usage: larder flush [OPTIONS]\n\n"
            "Everything in memory groups goes, for all clients. Durable data is never touched.\n\n"
            "examples:\n"
            "  larder flush\n"
            "  larder flush --yes --delay 10m         for servers that should not all be empty at once\n",
    .rows = rows,
    .max_words = 0,
    .words = "no arguments",
};

/* EXIT_CODE_OK: it shall be done. Else the reason why not was printed. */
static int confirm(const struct flush *flush) {
    int answer;

    if (flush->yes) {
        return EXIT_CODE_OK;
    }
    if (isatty(STDIN_FILENO) == 0) {
        fprintf(stderr, "%s: nobody to ask here; if everything in %s shall go, say --yes\n", flush->ask.program,
                flush->ask.server);
        return EXIT_CODE_USAGE;
    }
    fprintf(stderr, "Forget everything that is cached at %s? [y/N] ", flush->ask.server);
    answer = getchar();
    if (answer != 'y' && answer != 'Y') {
        fputs("Nothing was done.\n", stderr);
        return EXIT_CODE_FAILURE;
    }
    return EXIT_CODE_OK;
}

static int64_t delay_s(const struct flush *flush) {
    return flush->delay_ns / CLOCK_NS_PER_S + (flush->delay_ns % CLOCK_NS_PER_S != 0);
}

static void print_done(const struct flush *flush) {
    char text[HUMAN_TEXT_MAX];

    if (flush->ask.json) {
        json_t *object = json_object();

        json_set(object, "result", json_string("done"));
        json_set(object, "delay", json_integer(delay_s(flush)));
        json_print_line(object);
    } else if (flush->delay_ns == 0) {
        printf("flushed: %s\n", flush->ask.server);
    } else {
        printf("%s is flushed in %s\n", flush->ask.server, human_duration((uint64_t)delay_s(flush), text));
    }
}

static void on_answer(void *ctx, const struct answer *answer) {
    struct flush *flush = ctx;

    if (ask_is_refusal(answer)) {
        flush->code = ask_explain_refusal(&flush->ask, "flush", answer);
    } else {
        print_done(flush);
    }
}

static int run(int argc, char **argv) {
    struct flush flush = {.ask = ask_defaults("larder flush")};
    enum larder_error error;
    int count;

    if (!ask_parse(&usage, argc, argv, &flush.ask, &count, &flush.code)) {
        return flush.code;
    }
    flush.code = confirm(&flush);
    if (flush.code != EXIT_CODE_OK) {
        return flush.code;
    }
    flush.code = ask_open(&flush.ask);
    if (flush.code != EXIT_CODE_OK) {
        return flush.code;
    }
    error = client_flush(flush.ask.client, delay_s(&flush), on_answer, &flush);
    if (error != LARDER_OK) {
        flush.code = ask_explain_error(&flush.ask, error);
    }
    ask_close(&flush.ask);
    return flush.code;
}

const struct subcommand subcommand_flush = {"flush", "forget everything that a server has cached", run};
