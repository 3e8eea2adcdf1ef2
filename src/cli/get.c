/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/get.h"

/* One key of the command line; told its answer. */
struct wanted {
    struct get *get;
    struct slice key;
    enum larder_error *error; /* the first that there was */
};

static const struct option_row rows[] = {
    {.name = "output",
     .argument = "FILE",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct get, output),
     .help = "write the value of the one KEY to FILE"},
    {.name = "o", .argument = "FILE", .kind = OPTION_TEXT, .offset = offsetof(struct get, output)},
    {.name = "linearizable",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct get, linearizable),
     .help = "with every write that was acknowledged before; over HTTP"},
    {.name = "rev",
     .argument = "REV",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct get, revision),
     .min = 1,
     .max = INT64_MAX,
     .help = "as it was at revision REV of the store; over HTTP,\nfor durable groups"},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text =
        "larder get - print the values of keys\n\n"
        "usage: larder get [OPTIONS] KEY...\n\n"
        "The value of a single key goes out as it is, byte for byte, when standard output is a file or a pipe. On a\n"
        "terminal, and for several keys, it is shown for reading; bytes that could disturb a terminal are not "
        "shown.\n\n"
        "examples:\n"
        "  larder get greeting\n"
        "  larder get logo -o logo.png\n"
        "  larder get user:1 user:2 --json        one JSON object a line; what is not UTF-8 is in base64\n"
        "  larder get lock || echo 'nobody has it'\n"
        "  larder get config/app/mode --rev 42    how it was\n",
    .rows = rows,
    .min_words = 1,
    .max_words = 1000000,
    .words = "KEY...",
};

static void on_hit(const struct wanted *wanted, const struct reply *reply) {
    const struct got got = {
        .value = reply->item.value,
        .flags = reply->item.client_flags,
        .cas = reply->item.cas,
        .ttl = reply->item.ttl,
    };

    get_print(wanted->get, wanted->key, &got, reply->item.stale);
}

static void on_answer(void *ctx, enum larder_error error, const struct answer *answer) {
    const struct wanted *wanted = ctx;
    struct get *get = wanted->get;
    char key[SLICE_ESCAPED_MAX];
    char what[SLICE_ESCAPED_MAX + 8];

    if (error != LARDER_OK) {
        *wanted->error = *wanted->error == LARDER_OK ? error : *wanted->error;
    } else if (ask_is_refusal(answer)) {
        snprintf(what, sizeof(what), "get %s", slice_escape(wanted->key, key));
        get->code = ask_worse(get->code, ask_explain_refusal(&get->node.ask, what, answer));
    } else if (answer->reply.result == RESULT_HIT) {
        on_hit(wanted, &answer->reply);
    } else {
        get_print(get, wanted->key, NULL, answer->reply.item.stale);
    }
}

static enum larder_error get_all(struct get *get, char **words, size_t count) {
    struct wanted *wanted = calloc(count, sizeof(*wanted));
    struct slice *keys = calloc(count, sizeof(*keys));
    enum larder_error error = LARDER_OK;

    for (size_t i = 0; wanted != NULL && keys != NULL && i < count; i++) {
        keys[i] = slice_from_string(words[i]);
        wanted[i] = (struct wanted){.get = get, .key = keys[i], .error = &error};
    }
    if (wanted == NULL || keys == NULL) {
        error = LARDER_ERROR_NO_MEMORY;
    } else {
        client_get(get->node.ask.client, keys, count, on_answer, wanted, sizeof(*wanted));
    }
    free(wanted);
    free(keys);
    return error;
}

static void get_over_memcached(struct get *get, char **words, size_t count) {
    enum larder_error error;

    get->code = ask_open(&get->node.ask);
    if (get->code != EXIT_CODE_OK) {
        return;
    }
    error = get_all(get, words, count);
    if (error != LARDER_OK) {
        get->code = ask_worse(get->code, ask_explain_error(&get->node.ask, error));
    }
    ask_close(&get->node.ask);
}

static bool is_sensible(const struct get *get, int count) {
    const char *program = get->node.ask.program;

    if (get->output != NULL && (count > 1 || get->node.ask.json)) {
        fprintf(stderr, "%s: --output takes the value of one KEY and goes without --json\n", program);
        return false;
    }
    if (get->linearizable && get->revision != 0) {
        fprintf(stderr, "%s: --linearizable asks for the present and --rev for the past; choose one\n", program);
        return false;
    }
    return true;
}

static int run(int argc, char **argv) {
    struct get get = {.node = node_defaults("larder get")};
    int count;

    if (!ask_parse(&usage, argc, argv, &get.node.ask, &count, &get.code)) {
        return get.code;
    }
    if (!is_sensible(&get, count)) {
        return EXIT_CODE_USAGE;
    }
    get.code = EXIT_CODE_OK;
    get.terminal = terminal_detect();
    get.alone = count == 1;
    if (get.linearizable || get.revision != 0) {
        get_over_http(&get, argv, (size_t)count);
    } else {
        get_over_memcached(&get, argv, (size_t)count);
    }
    node_close(&get.node);
    return get.code;
}

const struct subcommand subcommand_get = {"get", "print the values of keys", run};
