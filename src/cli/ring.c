/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ring.h"

#include <stdio.h>
#include <string.h>

#include "cli/json_in.h"
#include "cli/json_out.h"
#include "cli/node.h"
#include "cli/terminal.h"
#include "ring/ring.h"

struct ring_ask {
    struct node node; /* first: ASK_ROWS */
    struct terminal terminal;
    const char *key;
};

static const struct option_row rows[] = {
    ASK_ROWS,
    {.name = "key",
     .argument = "KEY",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct ring_ask, key),
     .help = "where this key lives, and nothing else"},
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text =
        "larder ring - how the keys of memory groups are spread over the nodes of a cluster\n\n"
        "usage: larder ring [OPTIONS]\n"
        "       larder ring --key KEY [OPTIONS]\n"
        "       larder ring simulate [--nodes N] [--keys N] [--json]\n\n"
        "Shows of each node how many slots it has, and its part of all keys; with --key which node a key belongs to,\n"
        "and what the node that is asked would do with a request for it. Both are as that node sees the cluster.\n"
        "`larder ring simulate --help` tells of a ring that is only computed. Goes over HTTP.\n\n"
        "examples:\n"
        "  larder ring\n"
        "  larder ring --key sessions/4711 --json | jq -r .owner\n",
    .rows = rows,
    .max_words = 0,
};

static const char *text_of(const json_t *object, const char *name, char ret_text[SLICE_ESCAPED_MAX]) {
    const json_t *string = json_object_get(object, name);

    return slice_escape(slice_make(json_string_value(string), json_string_length(string)), ret_text);
}

static bool is_alone(const struct ring_ask *r, const json_t *answer) {
    if (json_is_string(json_object_get(answer, "cluster"))) {
        return false;
    }
    fprintf(stderr, "%s: %s is alone: it was started without --cluster\n", r->node.ask.program, r->node.ask.server);
    return true;
}

/* --- the shares --- */

static long slots_of(const json_t *node) {
    return (long)(json_number_value(json_object_get(node, "share")) * RING_SLOTS + 0.5);
}

/* Whatever a strange server says. */
static json_t *copy_of(json_t *object, const char *name) {
    json_t *value = json_object_get(object, name);

    return value != NULL ? json_incref(value) : json_null();
}

static json_t *describe_ring(json_t *answer) {
    json_t *report = json_object(), *nodes = json_array(), *node;
    size_t index;

    json_array_foreach(json_object_get(answer, "nodes"), index, node) {
        json_t *object = json_object();

        json_set(object, "id", copy_of(node, "id"));
        json_set(object, "state", copy_of(node, "state"));
        json_set(object, "slots", json_integer(slots_of(node)));
        json_set(object, "share", copy_of(node, "share"));
        json_array_append_new(nodes, object);
    }
    json_set(report, "cluster", copy_of(answer, "cluster"));
    json_set(report, "algorithm", json_integer(RING_ALGORITHM));
    json_set(report, "slots", json_integer(RING_SLOTS));
    if (json_object_get(answer, "revision") != NULL) {
        json_set(report, "epoch", copy_of(answer, "revision"));
        json_set(report, "digest", copy_of(answer, "digest"));
    }
    json_set(report, "nodes", nodes);
    return report;
}

static void print_shares(const struct ring_ask *r, const json_t *answer) {
    char cluster[SLICE_ESCAPED_MAX], id[SLICE_ESCAPED_MAX], state[SLICE_ESCAPED_MAX];
    const json_t *nodes = json_object_get(answer, "nodes");
    size_t index;
    json_t *node;
    int width = (int)sizeof("NODE") - 1;

    json_array_foreach(nodes, index, node) {
        int size = (int)strlen(text_of(node, "id", id));

        width = size > width ? size : width;
    }
    printf("cluster %s, epoch %" JSON_INTEGER_FORMAT ", %d slots\n\n%s%-*s  %-15s  %8s  %8s%s\n",
           text_of(answer, "cluster", cluster), json_integer_value(json_object_get(answer, "revision")), RING_SLOTS,
           r->terminal.dim, width, "NODE", "STATE", "SLOTS", "SHARE %", r->terminal.plain);
    json_array_foreach(nodes, index, node) {
        printf("%s%-*s%s  %-15s  %8ld  %8.3f\n", r->terminal.bold, width, text_of(node, "id", id), r->terminal.plain,
               text_of(node, "state", state), slots_of(node), 100 * json_number_value(json_object_get(node, "share")));
    }
}

static int print_ring(const struct ring_ask *r, json_t *answer) {
    if (r->node.ask.json) {
        json_print_line(describe_ring(answer));
        return json_is_string(json_object_get(answer, "cluster")) ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
    }
    if (is_alone(r, answer)) {
        return EXIT_CODE_FAILURE;
    }
    print_shares(r, answer);
    return EXIT_CODE_OK;
}

/* --- a key --- */

static void explain_answer(const json_t *answer) {
    char word[SLICE_ESCAPED_MAX], owner[SLICE_ESCAPED_MAX], previous[SLICE_ESCAPED_MAX];

    text_of(answer, "owner", owner);
    text_of(answer, "answer", word);
    if (strcmp(word, "own") == 0) {
        printf("the node that was asked has it itself\n");
    } else if (strcmp(word, "forward") == 0) {
        printf("the node that was asked passes requests on to %s\n", owner);
    } else if (strcmp(word, "isolated") == 0) {
        printf("the node that was asked is cut off, and refuses requests\n");
    } else if (strcmp(word, "inherit") == 0 && json_is_string(json_object_get(answer, "previous"))) {
        printf("the node that was asked has it, and asks %s first, who had it before\n",
               text_of(answer, "previous", previous));
    } else if (strcmp(word, "inherit") == 0) {
        printf("the node that was asked has it, and makes sure first that no other still acts for it\n");
    } else {
        printf("there is no node that serves\n");
    }
}

static int print_place(const struct ring_ask *r, json_t *answer) {
    char key[SLICE_ESCAPED_MAX], group[SLICE_ESCAPED_MAX], owner[SLICE_ESCAPED_MAX];
    struct slice asked = slice_from_string(r->key);

    if (is_alone(r, answer)) {
        return EXIT_CODE_FAILURE;
    }
    slice_escape(asked, key);
    text_of(answer, "group", group);
    if (strcmp(json_string_value(json_object_get(answer, "backing")), "store") == 0) {
        printf("%s is of the store group %s: every node asks the store for it\n", key, group);
        return EXIT_CODE_OK;
    }
    if (json_object_get(answer, "slot") == NULL) {
        fprintf(stderr, "%s: %s has not joined its cluster yet\n", r->node.ask.program, r->node.ask.server);
        return EXIT_CODE_FAILURE;
    }
    printf("%s%s%s: group %s, slot %" JSON_INTEGER_FORMAT ", node %s%s%s, epoch %" JSON_INTEGER_FORMAT "\n",
           r->terminal.bold, key, r->terminal.plain, group, json_integer_value(json_object_get(answer, "slot")),
           r->terminal.bold, json_is_string(json_object_get(answer, "owner")) ? text_of(answer, "owner", owner) : "-",
           r->terminal.plain, json_integer_value(json_object_get(answer, "epoch")));
    explain_answer(answer);
    return EXIT_CODE_OK;
}

static int print_key(const struct ring_ask *r, json_t *answer) {
    if (!json_is_string(json_object_get(answer, "backing"))) {
        fprintf(stderr, "%s: the answer of %s is not understood\n", r->node.ask.program, r->node.ask.server);
        return EXIT_CODE_SERVER;
    }
    if (r->node.ask.json) {
        json_print_line(json_incref(answer));
        return json_is_string(json_object_get(answer, "cluster")) ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
    }
    return print_place(r, answer);
}

/* --- asking --- */

static int print(const struct ring_ask *r, struct slice body) {
    json_t *answer = node_read_json(&r->node, body);
    int code;

    if (answer == NULL) {
        return EXIT_CODE_SERVER;
    }
    code = r->key != NULL ? print_key(r, answer) : print_ring(r, answer);
    json_decref(answer);
    return code;
}

static int ask(struct ring_ask *r) {
    struct transfer_request request = {.method = "GET"};
    struct transfer_answer answer;
    int code = node_open(&r->node);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    target_begin(&r->node.target, r->key != NULL ? SLICE("admin/ring") : SLICE("admin/members"));
    if (r->key != NULL) {
        target_add(&r->node.target, "key", slice_from_string(r->key));
    }
    code = node_ask(&r->node, &request, &answer);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    return answer.status == 200 ? print(r, answer.body) : node_explain_refusal(&r->node, "show its ring", &answer);
}

static int run(int argc, char **argv) {
    struct ring_ask r = {.node = node_defaults("larder ring")};
    int count;
    int code;

    if (argc > 1 && strcmp(argv[1], "simulate") == 0) {
        return ring_simulate(argc - 1, argv + 1);
    }
    if (!ask_parse(&usage, argc, argv, &r.node.ask, &count, &code)) {
        return code;
    }
    r.terminal = terminal_detect();
    code = ask(&r);
    node_close(&r.node);
    return code;
}

const struct subcommand subcommand_ring = {"ring", "show how a cluster spreads keys, or where one lives", run};
