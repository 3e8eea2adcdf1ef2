/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/durable.h"
#include "cli/json_in.h"
#include "cli/json_out.h"
#include "cli/node.h"
#include "cli/terminal.h"

enum { PAGE_MAX = 1000 /* keys that one request asks for */, KEY_WIDTH_MAX = 60 };

struct ls {
    struct node node; /* first: ASK_ROWS */
    uint64_t limit;   /* 0: all */
    uint64_t revision;
    bool keys_only;
    struct slice group;
    struct slice prefix;
    struct terminal terminal;
    uint64_t listed;
    bool heading_printed;
    struct buf key;   /* of an item, when it came in base64 */
    struct buf value; /* likewise */
    struct buf last;  /* the key that the next page begins behind */
};

static const struct option_row rows[] = {
    {.name = "limit",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct ls, limit),
     .min = 1,
     .max = INT64_MAX,
     .help = "at most N keys (all)"},
    {.name = "keys-only",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct ls, keys_only),
     .help = "only the keys, one a line"},
    {.name = "rev",
     .argument = "REV",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct ls, revision),
     .min = 1,
     .max = INT64_MAX,
     .help = "as it was at revision REV of the store"},
    ASK_ROWS,
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text = "larder ls - list the keys of a durable group\n\n"
            "usage: larder ls [OPTIONS] GROUP[/PREFIX]\n\n"
            "In the order of the keys, all as they were at one revision, which the last line tells on a terminal. "
            "REVISION\n"
            "is when a key was last changed, VERSION how often since it was created. Goes over HTTP.\n\n"
            "examples:\n"
            "  larder ls config                       everything in the group config\n"
            "  larder ls config/app/ --limit 20\n"
            "  larder ls config/app/ --keys-only | while read -r key; do larder get \"$key\"; done\n"
            "  larder ls config --rev 42              how it was\n"
            "  larder ls config --json                one JSON object a line; what is not UTF-8 is in base64\n",
    .rows = rows,
    .min_words = 1,
    .max_words = 1,
    .words = "one GROUP or GROUP/PREFIX; larder group list tells which groups there are",
};

static uint64_t page_size(const struct ls *ls) {
    uint64_t left = ls->limit == 0 ? PAGE_MAX : ls->limit - ls->listed;

    return left < PAGE_MAX ? left : PAGE_MAX;
}

/* The prefix in the group, the key to go on behind, and the revision of the first page for all of them. */
static void make_target(struct ls *ls) {
    struct target *target = &ls->node.target;

    durable_target(target, ls->group);
    target_add(target, "prefix", ls->prefix);
    target_add_number(target, "limit", page_size(ls));
    if (ls->revision != 0) {
        target_add_number(target, "rev", ls->revision);
    }
    if (!ls->keys_only) {
        target_add_flag(target, "values");
    }
    if (ls->last.size > 0) {
        target_add(target, "after", buf_slice(&ls->last));
    }
}

static size_t key_width(json_t *items) {
    size_t width = sizeof("KEY") - 1;
    size_t index;
    json_t *item;

    json_array_foreach(items, index, item) {
        size_t size = json_string_length(json_object_get(item, "key"));

        width = size > width ? size : width;
    }
    return width < KEY_WIDTH_MAX ? width : KEY_WIDTH_MAX;
}

static void print_heading(struct ls *ls, size_t width) {
    if (!ls->heading_printed && !ls->keys_only && !ls->node.ask.json) {
        printf("%s%10s %7s  %-*s  %s%s\n", ls->terminal.bold, "REVISION", "VERSION", (int)width, "KEY", "VALUE",
               ls->terminal.plain);
        ls->heading_printed = true;
    }
}

static void print_row(struct ls *ls, const json_t *item, struct slice key, size_t width) {
    char text[SLICE_ESCAPED_MAX];
    struct slice value;

    if (ls->keys_only) {
        puts(slice_escape(key, text));
        return;
    }
    printf("%10" PRIu64 " %7" PRIu64 "  %-*s  ", json_get_number(item, "mod_revision"),
           json_get_number(item, "version"), (int)width, slice_escape(key, text));
    if (json_get_bytes(item, "value", &ls->value, &value)) {
        durable_print_value(&ls->terminal, value);
    }
    putchar('\n');
}

static bool print_item(struct ls *ls, json_t *item, size_t width) {
    struct slice key;

    if (!json_get_bytes(item, "key", &ls->key, &key)) {
        return false;
    }
    if (ls->node.ask.json) {
        json_print_line(json_incref(item));
    } else {
        print_row(ls, item, key, width);
    }
    ls->listed++;
    return true;
}

/* The next page begins behind the last key of this one, which is named without its group, as the prefix is. */
static bool note_last(struct ls *ls, const json_t *items) {
    size_t count = json_array_size(items);
    struct slice key;

    ls->last.size = 0;
    return count > 0 && json_get_bytes(json_array_get(items, count - 1), "key", &ls->key, &key) &&
           key.size > ls->group.size && buf_append_slice(&ls->last, slice_skip(key, ls->group.size + 1)) == LARDER_OK;
}

static bool print_page(struct ls *ls, const json_t *page) {
    json_t *items = json_object_get(page, "items");
    size_t width = key_width(items);
    size_t index;
    json_t *item;

    if (!json_is_array(items)) {
        return false;
    }
    ls->revision = json_get_number(page, "revision");
    print_heading(ls, width);
    json_array_foreach(items, index, item) {
        if (!print_item(ls, item, width)) {
            return false;
        }
    }
    return true;
}

static int complain_form(const struct ls *ls) {
    fprintf(stderr, "%s: %s answered with a listing of another form; is it an older or a newer larderd?\n",
            ls->node.ask.program, ls->node.ask.server);
    return EXIT_CODE_SERVER;
}

/* Lists a page. *ret_more: there is another one to ask for. */
static int take_page(struct ls *ls, struct slice body, bool *ret_more) {
    json_t *page = node_read_json(&ls->node, body);
    int code = EXIT_CODE_OK;

    *ret_more = false;
    if (page == NULL) {
        return EXIT_CODE_SERVER;
    }
    if (!print_page(ls, page)) {
        code = complain_form(ls);
    } else if (json_is_true(json_object_get(page, "more")) && (ls->limit == 0 || ls->listed < ls->limit)) {
        *ret_more = note_last(ls, json_object_get(page, "items"));
        code = *ret_more ? EXIT_CODE_OK : complain_form(ls);
    }
    json_decref(page);
    return code;
}

static int list_page(struct ls *ls, const char *word, bool *ret_more) {
    struct transfer_request request = {.method = "GET"};
    struct transfer_answer answer;
    char text[SLICE_ESCAPED_MAX];
    char what[SLICE_ESCAPED_MAX + 8];
    int code;

    *ret_more = false;
    make_target(ls);
    code = node_ask(&ls->node, &request, &answer);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (answer.status != 200) {
        snprintf(what, sizeof(what), "list %s", slice_escape(slice_from_string(word), text));
        return node_explain_durable(&ls->node, what, word, &answer);
    }
    return take_page(ls, answer.body, ret_more);
}

static int list(struct ls *ls, const char *word) {
    bool more = true;
    int code = node_open(&ls->node);

    while (code == EXIT_CODE_OK && more) {
        code = list_page(ls, word, &more);
    }
    if (code == EXIT_CODE_OK && ls->terminal.is_terminal && !ls->node.ask.json && !ls->keys_only) {
        printf("%s%" PRIu64 " key%s at revision %" PRIu64 "%s\n", ls->terminal.dim, ls->listed,
               ls->listed == 1 ? "" : "s", ls->revision, ls->terminal.plain);
    }
    return code;
}

static int run(int argc, char **argv) {
    struct ls ls = {.node = node_defaults("larder ls")};
    int count;
    int code;

    if (!ask_parse(&usage, argc, argv, &ls.node.ask, &count, &code)) {
        return code;
    }
    durable_split(argv[0], &ls.group, &ls.prefix);
    ls.terminal = terminal_detect();
    buf_init(&ls.key, TRANSFER_BODY_MAX);
    buf_init(&ls.value, TRANSFER_BODY_MAX);
    buf_init(&ls.last, TARGET_MAX);
    code = list(&ls, argv[0]);
    buf_fini(&ls.key);
    buf_fini(&ls.value);
    buf_fini(&ls.last);
    node_close(&ls.node);
    return code;
}

const struct subcommand subcommand_ls = {"ls", "list the keys of a durable group", run};
