/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/ask.h"
#include "cli/json_out.h"

struct del {
    struct ask ask; /* first: ASK_ROWS */
    int code;
    enum larder_error error; /* the first that there was */
};

/* One key of the command line; told its answer. */
struct doomed {
    struct del *del;
    struct slice key;
};

static const struct option_row rows[] = {ASK_ROWS, {.name = NULL}};

static const struct ask_usage usage = {
    .text = "larder del - remove keys\n\n"
            "usage: larder del [OPTIONS] KEY...\n\n"
            "examples:\n"
            "  larder del greeting\n"
            "  larder del user:1 user:2 user:3\n"
            "  larder del old --json                  {\"key\":\"old\",\"result\":\"deleted\"}\n",
    .rows = rows,
    .min_words = 1,
    .max_words = 1000000,
    .words = "KEY...",
};

static void print(const struct doomed *doomed, const char *key, bool deleted) {
    if (doomed->del->ask.json) {
        json_t *object = json_object();

        json_set_bytes(object, "key", doomed->key);
        json_set(object, "result", json_string(deleted ? "deleted" : "not_found"));
        json_print_line(object);
    } else if (deleted) {
        printf("deleted: %s\n", key);
    } else {
        fprintf(stderr, "not found: %s\n", key);
    }
}

static void on_answer(void *ctx, enum larder_error error, const struct answer *answer) {
    const struct doomed *doomed = ctx;
    struct del *del = doomed->del;
    char key[SLICE_ESCAPED_MAX];
    char what[SLICE_ESCAPED_MAX + 8];
    bool deleted;

    if (error != LARDER_OK) {
        del->error = del->error == LARDER_OK ? error : del->error;
        return;
    }
    slice_escape(doomed->key, key);
    if (ask_is_refusal(answer)) {
        snprintf(what, sizeof(what), "delete %s", key);
        del->code = ask_worse(del->code, ask_explain_refusal(&del->ask, what, answer));
        return;
    }
    deleted = answer->reply.result == RESULT_DELETED;
    print(doomed, key, deleted);
    if (!deleted) {
        del->code = ask_worse(del->code, EXIT_CODE_FAILURE);
    }
}

static void delete_all(struct del *del, char **words, size_t count) {
    struct doomed *doomed = calloc(count, sizeof(*doomed));

    if (doomed == NULL) {
        del->error = LARDER_ERROR_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < count && del->error == LARDER_OK; i++) {
        enum larder_error error;

        doomed[i] = (struct doomed){.del = del, .key = slice_from_string(words[i])};
        error = client_submit(del->ask.client, &(struct request){.command = COMMAND_DELETE, .key = doomed[i].key},
                              on_answer, &doomed[i]);
        if (error != LARDER_OK) {
            del->error = error;
        }
    }
    client_wait(del->ask.client);
    free(doomed);
}

static int run(int argc, char **argv) {
    struct del del = {.ask = ask_defaults("larder del")};
    int count;

    if (!ask_parse(&usage, argc, argv, &del.ask, &count, &del.code)) {
        return del.code;
    }
    del.code = ask_open(&del.ask);
    if (del.code != EXIT_CODE_OK) {
        return del.code;
    }
    delete_all(&del, argv, (size_t)count);
    if (del.error != LARDER_OK) {
        del.code = ask_worse(del.code, ask_explain_error(&del.ask, del.error));
    }
    ask_close(&del.ask);
    return del.code;
}

const struct subcommand subcommand_del = {"del", "remove keys", run};
