/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/number.h"
#include "cli/ask.h"
#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/value_input.h"

struct set {
    struct ask ask; /* first: ASK_ROWS */
    int64_t ttl_ns;
    uint64_t flags;
    uint64_t cas;
    bool if_absent;
    bool if_present;
    bool has_cas;
    bool literal;
    struct slice key;
    struct buf value;
    int code;
};

static bool set_cas(void *field, const char *value, const char **ret_reason) {
    struct set *set = (struct set *)((char *)field - offsetof(struct set, cas));

    *ret_reason = "not a number; larder get KEY --json shows it";
    set->has_cas = number_parse_u64(slice_from_string(value), &set->cas);
    return set->has_cas;
}

static const struct option_row rows[] = {
    {.name = "ttl",
     .argument = "TIME",
     .kind = OPTION_DURATION,
     .offset = offsetof(struct set, ttl_ns),
     .help = "forget it after TIME: 30, 90s, 10m, 24h (never)"},
    {.name = "flags",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct set, flags),
     .max = UINT32_MAX,
     .help = "a number that clients keep with the value (0)"},
    {.name = "if-absent",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct set, if_absent),
     .help = "store only a key that is not there"},
    {.name = "if-present",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct set, if_present),
     .help = "store only a key that is there"},
    {.name = "cas",
     .argument = "N",
     .kind = OPTION_CUSTOM,
     .offset = offsetof(struct set, cas),
     .set = set_cas,
     .help = "store only if the key's cas number is still N"},
    {.name = "literal",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct set, literal),
     .help = "VALUE is the value, also '-' and '@...'"},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text = "larder set - store a value\n\n"
            "usage: larder set [OPTIONS] KEY VALUE\n\n"
            "VALUE is the value itself, '-' for standard input, or @FILE for the bytes of a file.\n\n"
            "examples:\n"
            "  larder set greeting 'hello, world'\n"
            "  larder set logo @logo.png --ttl 24h\n"
            "  date | larder set now -\n"
            "  larder set lock $$ --if-absent --ttl 30s && echo 'it is mine'\n"
            "  larder set counter 5 --cas 17          the cas number is in: larder get counter --json\n",
    .rows = rows,
    .min_words = 2,
    .max_words = 2,
    .words = "KEY VALUE",
};

static bool read_value(struct set *set, const char *word) {
    if (!set->literal && strcmp(word, "-") == 0) {
        return value_from_stdin(set->ask.program, &set->value);
    }
    if (!set->literal && word[0] == '@') {
        return value_from_file(set->ask.program, word + 1, &set->value);
    }
    return value_from_word(set->ask.program, word, &set->value);
}

static struct request make_request(const struct set *set) {
    return (struct request){
        .command = set->has_cas      ? COMMAND_CAS
                   : set->if_absent  ? COMMAND_ADD
                   : set->if_present ? COMMAND_REPLACE
                                     : COMMAND_SET,
        .key = set->key,
        .value = buf_slice(&set->value),
        .client_flags = (uint32_t)set->flags,
        /* The protocol has whole seconds; 1 ms must not become "for ever". */
        .ttl = set->ttl_ns / CLOCK_NS_PER_S + (set->ttl_ns % CLOCK_NS_PER_S != 0),
        .compare = set->cas,
    };
}

static const char *result_name(enum result result) {
    switch (result) {
    case RESULT_STORED:
        return "stored";
    case RESULT_EXISTS:
        return "changed";
    case RESULT_NOT_FOUND:
        return "not_found";
    default:
        return "not_stored";
    }
}

static void print_json(const struct set *set, const struct reply *reply) {
    json_t *object = json_object();

    json_set_bytes(object, "key", set->key);
    json_set(object, "result", json_string(result_name(reply->result)));
    if (reply->result == RESULT_STORED) {
        json_set(object, "cas", json_integer((json_int_t)reply->item.cas));
    }
    json_print_line(object);
}

static void print_stored(const struct set *set, const char *key) {
    char text[HUMAN_TEXT_MAX];

    printf("stored: %s, %s", key, human_bytes(set->value.size, text));
    if (set->ttl_ns != 0) {
        printf(", for %s", human_duration((uint64_t)make_request(set).ttl, text));
    }
    putchar('\n');
}

static void explain_not_stored(const struct set *set, const char *key, enum result result) {
    const char *reason = result == RESULT_EXISTS      ? "it was changed meanwhile; get its new cas number and try again"
                         : result == RESULT_NOT_FOUND ? "it is not there any more"
                         : set->if_absent             ? "it is there already"
                                                      : "it is not there";

    fprintf(stderr, "not stored: %s: %s\n", key, reason);
}

static void on_answer(void *ctx, const struct answer *answer) {
    struct set *set = ctx;
    char key[SLICE_ESCAPED_MAX];
    char what[SLICE_ESCAPED_MAX + 8];

    slice_escape(set->key, key);
    if (ask_is_refusal(answer)) {
        snprintf(what, sizeof(what), "set %s", key);
        set->code = ask_explain_refusal(&set->ask, what, answer);
        return;
    }
    set->code = answer->reply.result == RESULT_STORED ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
    if (set->ask.json) {
        print_json(set, &answer->reply);
    } else if (set->code == EXIT_CODE_OK) {
        print_stored(set, key);
    } else {
        explain_not_stored(set, key, answer->reply.result);
    }
}

static int store(struct set *set, const char *word) {
    struct request request;
    enum larder_error error;

    if (!read_value(set, word)) {
        return EXIT_CODE_USAGE;
    }
    set->code = ask_open(&set->ask);
    if (set->code != EXIT_CODE_OK) {
        return set->code;
    }
    request = make_request(set);
    error = client_call(set->ask.client, &request, on_answer, set);
    if (error != LARDER_OK) {
        set->code = ask_explain_error(&set->ask, error);
    }
    ask_close(&set->ask);
    return set->code;
}

static int run(int argc, char **argv) {
    struct set set = {.ask = ask_defaults("larder set")};
    int code;
    int count;

    if (!ask_parse(&usage, argc, argv, &set.ask, &count, &code)) {
        return code;
    }
    if (set.if_absent + set.if_present + set.has_cas > 1) {
        fprintf(stderr, "%s: --if-absent, --if-present and --cas exclude each other\n", set.ask.program);
        return EXIT_CODE_USAGE;
    }
    set.key = slice_from_string(argv[0]);
    buf_init(&set.value, PEER_VALUE_MAX);
    code = store(&set, argv[1]);
    buf_fini(&set.value);
    return code;
}

const struct subcommand subcommand_set = {"set", "store a value", run};
