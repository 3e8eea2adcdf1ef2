/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/node.h"
#include "cli/value_input.h"

struct put {
    struct node node; /* first: ASK_ROWS */
    const char *file;
    int64_t ttl_ns;
    uint64_t if_match;
    bool has_match;
    bool if_none_match;
    struct slice key;
    struct buf value;
};

static bool set_match(void *field, const char *value, const char **ret_reason) {
    struct put *put = (struct put *)((char *)field - offsetof(struct put, if_match));

    *ret_reason = "not a revision; larder get KEY --linearizable --json shows it";
    put->has_match = number_parse_u64(slice_from_string(value), &put->if_match);
    return put->has_match;
}

static const struct option_row rows[] = {
    {.name = "file",
     .argument = "FILE",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct put, file),
     .help = "the bytes of FILE are the value"},
    {.name = "ttl",
     .argument = "TIME",
     .kind = OPTION_DURATION,
     .offset = offsetof(struct put, ttl_ns),
     .help = "delete it after TIME: 60, 10m, 24h (never)"},
    {.name = "if-match",
     .argument = "REV",
     .kind = OPTION_CUSTOM,
     .offset = offsetof(struct put, if_match),
     .set = set_match,
     .help = "store only if the key was last changed at revision REV"},
    {.name = "if-none-match",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct put, if_none_match),
     .help = "store only a key that is not there"},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text =
        "larder put - store a value, and tell its revision\n\n"
        "usage: larder put [OPTIONS] KEY VALUE\n"
        "       larder put [OPTIONS] KEY -              the value comes from standard input\n"
        "       larder put [OPTIONS] KEY --file FILE\n\n"
        "Goes over HTTP. In a durable group (larder group list) the value is on the disk when this returns, and has\n"
        "a revision: a number that every write of the store raises.\n\n"
        "examples:\n"
        "  larder put config/app/mode fast\n"
        "  larder put config/app/logo --file logo.png\n"
        "  larder put config/session/7 me --ttl 30m\n"
        "  larder put config/lock $$ --if-none-match && echo 'it is mine'\n"
        "  larder put config/counter 6 --if-match 42        only if nobody changed it since revision 42\n"
        "  larder put config/counter 7 --json               {\"key\":...,\"result\":\"stored\",\"revision\":43,...}\n",
    .rows = rows,
    .min_words = 1,
    .max_words = 2,
    .words = "KEY and VALUE, or KEY and --file FILE",
};

static bool read_value(struct put *put, const char *word) {
    const char *program = put->node.ask.program;

    if (word == NULL) {
        return value_from_file(program, put->file, &put->value);
    }
    return strcmp(word, "-") == 0 ? value_from_stdin(program, &put->value)
                                  : value_from_word(program, word, &put->value);
}

/* HTTP has whole seconds here; a part of one must not become "for ever". */
static uint64_t ttl_seconds(const struct put *put) {
    return (uint64_t)(put->ttl_ns / CLOCK_NS_PER_S + (put->ttl_ns % CLOCK_NS_PER_S != 0));
}

static void make_request(struct put *put, struct transfer_request *ret_request) {
    *ret_request = (struct transfer_request){.method = "PUT", .has_body = true, .body = buf_slice(&put->value)};
    target_begin(&put->node.target, put->key);
    if (put->ttl_ns > 0) {
        target_add_number(&put->node.target, "ttl", ttl_seconds(put));
    }
    if (put->has_match) {
        snprintf(ret_request->fields[0], TRANSFER_FIELD_MAX, "If-Match: \"%" PRIu64 "\"", put->if_match);
    } else if (put->if_none_match) {
        snprintf(ret_request->fields[0], TRANSFER_FIELD_MAX, "If-None-Match: *");
    }
}

static void print_json(const struct put *put, const struct transfer_answer *answer, bool stored) {
    json_t *object = json_object();

    json_set_bytes(object, "key", put->key);
    json_set(object, "result", json_string(stored ? "stored" : "not_stored"));
    if (stored && answer->has_tag) {
        json_set(object, "revision", json_integer((json_int_t)answer->tag));
        json_set(object, "created", json_boolean(answer->status == 201));
    }
    json_print_line(object);
}

static void print_stored(const struct put *put, const char *key, const struct transfer_answer *answer) {
    char text[HUMAN_TEXT_MAX];

    printf("stored: %s, %s", key, human_bytes(put->value.size, text));
    if (answer->has_tag) {
        printf(", revision %" PRIu64 "%s", answer->tag, answer->status == 201 ? ", new" : "");
    }
    if (put->ttl_ns > 0) {
        printf(", for %s", human_duration(ttl_seconds(put), text));
    }
    putchar('\n');
}

static void explain_not_stored(const struct put *put, const char *key, const struct transfer_answer *answer) {
    if (put->if_none_match) {
        fprintf(stderr, "not stored: %s: it is there already", key);
    } else {
        fprintf(stderr, "not stored: %s: it is not as it was at revision %" PRIu64, key, put->if_match);
    }
    if (answer->has_tag) {
        fprintf(stderr, ", but at revision %" PRIu64, answer->tag);
    }
    fprintf(stderr, "; look at it: larder get --linearizable %s\n", key);
}

static int tell(struct put *put, const struct transfer_answer *answer) {
    bool stored = answer->status >= 200 && answer->status < 300;
    char key[SLICE_ESCAPED_MAX];
    char what[SLICE_ESCAPED_MAX + 8];

    slice_escape(put->key, key);
    if (!stored && answer->status != 412) {
        snprintf(what, sizeof(what), "put %s", key);
        return node_explain_refusal(&put->node, what, answer);
    }
    if (put->node.ask.json) {
        print_json(put, answer, stored);
    } else if (stored) {
        print_stored(put, key, answer);
    } else {
        explain_not_stored(put, key, answer);
    }
    return stored ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int store(struct put *put, const char *word) {
    struct transfer_request request;
    struct transfer_answer answer;
    int code;

    if (!read_value(put, word)) {
        return EXIT_CODE_USAGE;
    }
    code = node_open(&put->node);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    make_request(put, &request);
    code = node_ask(&put->node, &request, &answer);
    return code == EXIT_CODE_OK ? tell(put, &answer) : code;
}

static bool is_sensible(const struct put *put, int words) {
    const char *program = put->node.ask.program;

    if ((words == 2) == (put->file != NULL)) {
        fprintf(stderr, "%s: expected %s; see %s --help\n", program, usage.words, program);
        return false;
    }
    if (put->has_match && put->if_none_match) {
        fprintf(stderr, "%s: --if-match and --if-none-match exclude each other\n", program);
        return false;
    }
    return true;
}

static int run(int argc, char **argv) {
    struct put put = {.node = node_defaults("larder put")};
    int code;
    int count;

    if (!ask_parse(&usage, argc, argv, &put.node.ask, &count, &code)) {
        return code;
    }
    if (!is_sensible(&put, count)) {
        return EXIT_CODE_USAGE;
    }
    put.key = slice_from_string(argv[0]);
    buf_init(&put.value, PEER_VALUE_MAX);
    code = store(&put, count == 2 ? argv[1] : NULL);
    buf_fini(&put.value);
    node_close(&put.node);
    return code;
}

const struct subcommand subcommand_put = {"put", "store a value, and tell its revision", run};
