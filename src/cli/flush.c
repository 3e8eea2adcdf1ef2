/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/node.h"

enum { HTTP_NOT_FOUND = 404, HTTP_NO_CONTENT = 204 };

struct flush {
    struct node node; /* first: ASK_ROWS */
    int64_t delay_ns;
    const char *group;  /* NULL: all of them */
    const char *prefix; /* of its keys; NULL: all of them */
    bool yes;
    int code;
};

static const struct option_row rows[] = {
    {.name = "group",
     .argument = "NAME",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct flush, group),
     .help = "only this memory group; 'default' is that of all keys\nthat belong to no other. Goes over HTTP"},
    {.name = "prefix",
     .argument = "BYTES",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct flush, prefix),
     .help = "of the group, only keys that begin so behind the\ngroup's name and its '/'; not in a cluster"},
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
            "Everything in memory and origin groups goes, or in one of them, for all clients and, in a cluster, on all "
            "nodes. "
            "Durable\n"
            "data is never touched: of a durable group it is refused.\n\n"
            "examples:\n"
            "  larder flush\n"
            "  larder flush --group sessions\n"
            "  larder flush --group images --prefix v2/image/\n"
            "  larder flush --yes --delay 10m         for servers that should not all be empty at once\n",
    .rows = rows,
    .max_words = 0,
    .words = "no arguments",
};

/* What goes, for people. */
static const char *describe(const struct flush *flush, char ret_text[SLICE_ESCAPED_MAX]) {
    return flush->group == NULL ? "everything" : slice_escape(slice_from_string(flush->group), ret_text);
}

/* EXIT_CODE_OK: it shall be done. Else the reason why not was printed. */
static int confirm(const struct flush *flush) {
    const struct ask *ask = &flush->node.ask;
    const char *part = flush->group == NULL ? "" : "the group ";
    char text[SLICE_ESCAPED_MAX];
    int answer;

    if (flush->yes) {
        return EXIT_CODE_OK;
    }
    if (isatty(STDIN_FILENO) == 0) {
        fprintf(stderr, "%s: nobody to ask here; if %s%s in %s shall go, say --yes\n", ask->program, part,
                describe(flush, text), ask->server);
        return EXIT_CODE_USAGE;
    }
    fprintf(stderr, "Forget %s%s that is cached at %s? [y/N] ", part, describe(flush, text), ask->server);
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

static void print_json(const struct flush *flush) {
    json_t *object = json_object();

    json_set(object, "result", json_string("done"));
    if (flush->group != NULL) {
        json_set_bytes(object, "group", slice_from_string(flush->group));
    } else {
        json_set(object, "delay", json_integer(delay_s(flush)));
    }
    json_print_line(object);
}

static void print_done(const struct flush *flush) {
    const char *server = flush->node.ask.server;
    char text[SLICE_ESCAPED_MAX];
    char time[HUMAN_TEXT_MAX];

    if (flush->node.ask.json) {
        print_json(flush);
    } else if (flush->group != NULL) {
        printf("flushed: the group %s at %s\n", describe(flush, text), server);
    } else if (flush->delay_ns == 0) {
        printf("flushed: %s\n", server);
    } else {
        printf("%s is flushed in %s\n", server, human_duration((uint64_t)delay_s(flush), time));
    }
}

/* --- everything, in memcached's words --- */

static void on_answer(void *ctx, const struct answer *answer) {
    struct flush *flush = ctx;

    if (ask_is_refusal(answer)) {
        flush->code = ask_explain_refusal(&flush->node.ask, "flush", answer);
    } else {
        print_done(flush);
    }
}

static int flush_all(struct flush *flush) {
    struct ask *ask = &flush->node.ask;
    enum larder_error error;

    flush->code = ask_open(ask);
    if (flush->code != EXIT_CODE_OK) {
        return flush->code;
    }
    error = client_flush(ask->client, delay_s(flush), on_answer, flush);
    if (error != LARDER_OK) {
        flush->code = ask_explain_error(ask, error);
    }
    ask_close(ask);
    return flush->code;
}

/* --- one group, over HTTP --- */

static int explain(struct flush *flush, const struct transfer_answer *answer) {
    char text[SLICE_ESCAPED_MAX];

    if (answer->status != HTTP_NOT_FOUND) {
        return node_explain_refusal(&flush->node, "flush the group", answer);
    }
    fprintf(stderr, "%s: %s has no group '%s'; larder group list tells which there are\n", flush->node.ask.program,
            flush->node.ask.server, describe(flush, text));
    return EXIT_CODE_FAILURE;
}

static int flush_group(struct flush *flush) {
    struct transfer_request request = {.method = "POST", .has_body = true};
    struct transfer_answer answer;
    int code = node_open(&flush->node);

    if (code == EXIT_CODE_OK) {
        target_begin(&flush->node.target, SLICE("admin/flush"));
        target_add(&flush->node.target, "group", slice_from_string(flush->group));
        if (flush->prefix != NULL) {
            target_add(&flush->node.target, "prefix", slice_from_string(flush->prefix));
        }
        code = node_ask(&flush->node, &request, &answer);
    }
    if (code == EXIT_CODE_OK && answer.status != HTTP_NO_CONTENT) {
        code = explain(flush, &answer);
    } else if (code == EXIT_CODE_OK) {
        print_done(flush);
    }
    return code;
}

/* NULL: they go together. */
static const char *find_contradiction(const struct flush *flush) {
    if (flush->group != NULL && flush->group[0] == '\0') {
        return "--group needs the name of a group";
    }
    if (flush->prefix != NULL && (flush->group == NULL || flush->prefix[0] == '\0')) {
        return "--prefix needs what the keys of a --group begin with";
    }
    if (flush->group != NULL && flush->delay_ns != 0) {
        return "--delay is for everything, not for one group";
    }
    return NULL;
}

static int run(int argc, char **argv) {
    struct flush flush = {.node = node_defaults("larder flush")};
    const char *contradiction;
    int count;

    if (!ask_parse(&usage, argc, argv, &flush.node.ask, &count, &flush.code)) {
        return flush.code;
    }
    contradiction = find_contradiction(&flush);
    if (contradiction != NULL) {
        fprintf(stderr, "%s: %s\n", flush.node.ask.program, contradiction);
        return EXIT_CODE_USAGE;
    }
    flush.code = confirm(&flush);
    if (flush.code == EXIT_CODE_OK) {
        flush.code = flush.group != NULL ? flush_group(&flush) : flush_all(&flush);
    }
    node_close(&flush.node);
    return flush.code;
}

const struct subcommand subcommand_flush = {"flush", "forget everything that a server has cached", run};
