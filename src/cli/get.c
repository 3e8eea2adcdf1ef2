/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/terminal.h"

struct get {
    struct ask ask; /* first: ASK_ROWS */
    const char *output;
    struct terminal terminal;
    bool alone; /* one key */
    int code;
    enum larder_error error; /* the first that there was */
};

/* One key of the command line; told its answer. */
struct wanted {
    struct get *get;
    struct slice key;
};

static const struct option_row rows[] = {
    {.name = "output",
     .argument = "FILE",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct get, output),
     .help = "write the value of the one KEY to FILE"},
    {.name = "o", .argument = "FILE", .kind = OPTION_TEXT, .offset = offsetof(struct get, output)},
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
        "  larder get lock || echo 'nobody has it'\n",
    .rows = rows,
    .min_words = 1,
    .max_words = 1000000,
    .words = "KEY...",
};

static void worsen(struct get *get, int code) {
    get->code = ask_worse(get->code, code);
}

static void write_file(struct get *get, struct slice value) {
    FILE *file = fopen(get->output, "wb");
    bool written = file != NULL && fwrite(value.data, 1, value.size, file) == value.size;
    int number = errno;

    if (file != NULL && fclose(file) != 0 && written) {
        written = false;
        number = errno;
    }
    if (!written) {
        fprintf(stderr, "%s: cannot write %s: %s\n", get->ask.program, get->output, strerror(number));
        worsen(get, EXIT_CODE_USAGE);
    }
}

static void print_json(const struct wanted *wanted, const struct reply *reply) {
    json_t *object = json_object();
    bool found = reply->result == RESULT_HIT;

    json_set_bytes(object, "key", wanted->key);
    json_set(object, "found", json_boolean(found));
    if (found) {
        json_set_bytes(object, "value", reply->item.value);
        json_set(object, "flags", json_integer(reply->item.client_flags));
        json_set(object, "cas", json_integer((json_int_t)reply->item.cas));
        json_set(object, "ttl", reply->item.ttl == REQUEST_TTL_FOREVER ? json_null() : json_integer(reply->item.ttl));
    }
    if (reply->item.stale) {
        json_set(object, "stale", json_true());
    }
    json_print_line(object);
}

/* For a reader, on a line of its own. */
static void print_readable(const struct wanted *wanted, struct slice value) {
    const struct get *get = wanted->get;
    char key[SLICE_ESCAPED_MAX];
    char size[HUMAN_TEXT_MAX];

    if (!get->alone) {
        printf("%s%s:%s ", get->terminal.bold, slice_escape(wanted->key, key), get->terminal.plain);
    }
    if (!human_readable(value)) {
        printf("%s(%s that are not text; to see them: larder get %s -o FILE)%s\n", get->terminal.dim,
               human_bytes(value.size, size), slice_escape(wanted->key, key), get->terminal.plain);
        return;
    }
    fwrite(value.data, 1, value.size, stdout);
    if (value.size == 0 || value.data[value.size - 1] != '\n') {
        putchar('\n');
    }
}

static void print_hit(const struct wanted *wanted, const struct reply *reply) {
    struct get *get = wanted->get;
    struct slice value = reply->item.value;

    if (get->output != NULL) {
        write_file(get, value);
    } else if (get->alone && !get->terminal.is_terminal) {
        fwrite(value.data, 1, value.size, stdout);
    } else {
        print_readable(wanted, value);
    }
}

static void explain_no_value(const struct wanted *wanted, const struct answer *answer) {
    struct get *get = wanted->get;
    char key[SLICE_ESCAPED_MAX];
    char what[SLICE_ESCAPED_MAX + 8];

    slice_escape(wanted->key, key);
    if (ask_is_refusal(answer)) {
        snprintf(what, sizeof(what), "get %s", key);
        worsen(get, ask_explain_refusal(&get->ask, what, answer));
        return;
    }
    worsen(get, EXIT_CODE_FAILURE);
    if (!get->ask.json) {
        fprintf(stderr, "not found: %s\n", key);
    }
}

static void on_answer(void *ctx, enum larder_error error, const struct answer *answer) {
    const struct wanted *wanted = ctx;
    struct get *get = wanted->get;
    bool refused;

    if (error != LARDER_OK) {
        get->error = get->error == LARDER_OK ? error : get->error;
        return;
    }
    refused = ask_is_refusal(answer);
    if (answer->reply.result != RESULT_HIT) {
        explain_no_value(wanted, answer);
    }
    if (get->ask.json && !refused) {
        print_json(wanted, &answer->reply);
    } else if (answer->reply.result == RESULT_HIT) {
        print_hit(wanted, &answer->reply);
    }
}

static void get_all(struct get *get, char **words, size_t count) {
    struct wanted *wanted = calloc(count, sizeof(*wanted));
    struct slice *keys = calloc(count, sizeof(*keys));

    for (size_t i = 0; wanted != NULL && keys != NULL && i < count; i++) {
        keys[i] = slice_from_string(words[i]);
        wanted[i] = (struct wanted){.get = get, .key = keys[i]};
    }
    if (wanted == NULL || keys == NULL) {
        get->error = LARDER_ERROR_NO_MEMORY;
    } else {
        client_get(get->ask.client, keys, count, on_answer, wanted, sizeof(*wanted));
    }
    free(wanted);
    free(keys);
}

static int run(int argc, char **argv) {
    struct get get = {.ask = ask_defaults("larder get")};
    int count;

    if (!ask_parse(&usage, argc, argv, &get.ask, &count, &get.code)) {
        return get.code;
    }
    if (get.output != NULL && (count > 1 || get.ask.json)) {
        fprintf(stderr, "%s: --output takes the value of one KEY and goes without --json\n", get.ask.program);
        return EXIT_CODE_USAGE;
    }
    get.code = ask_open(&get.ask);
    if (get.code != EXIT_CODE_OK) {
        return get.code;
    }
    get.terminal = terminal_detect();
    get.alone = count == 1;
    get_all(&get, argv, (size_t)count);
    if (get.error != LARDER_OK) {
        worsen(&get, ask_explain_error(&get.ask, get.error));
    }
    ask_close(&get.ask);
    return get.code;
}

const struct subcommand subcommand_get = {"get", "print the values of keys", run};
