/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/json_in.h"
#include "cli/json_out.h"
#include "cli/node.h"
#include "cli/terminal.h"

struct members {
    struct node node; /* first: ASK_ROWS */
    struct terminal terminal;
};

static const struct option_row rows[] = {ASK_ROWS, {.name = NULL}};

static const struct ask_usage usage = {
    .text =
        "larder members - the nodes of a cluster, as one of them sees them\n\n"
        "usage: larder members [OPTIONS]\n\n"
        "SHARE is the part of all keys that a node has; a node that leaves has none and still hands over what it had.\n"
        "PEER is how the link from the node that is asked to the other one is. The exit code is 1 if the node that is\n"
        "asked is no member, or is cut off from the store and does not answer for its keys. Goes over HTTP.\n\n"
        "examples:\n"
        "  larder members\n"
        "  larder members --json | jq '.nodes[] | select(.state == \"leaving\") | .id'\n",
    .rows = rows,
    .max_words = 0,
};

static const char *text_of(const json_t *object, const char *name, char ret_text[SLICE_ESCAPED_MAX]) {
    const json_t *string = json_object_get(object, name);

    return slice_escape(slice_make(json_string_value(string), json_string_length(string)), ret_text);
}

static int width_of(const json_t *nodes, const char *name, size_t least) {
    size_t width = least;
    size_t index;
    json_t *node;

    json_array_foreach(nodes, index, node) {
        char text[SLICE_ESCAPED_MAX];
        size_t size = strlen(text_of(node, name, text));

        width = size > width ? size : width;
    }
    return (int)width;
}

static void print_nodes(const struct members *m, const json_t *nodes) {
    int id_width = width_of(nodes, "id", sizeof("NODE") - 1);
    int address_width = width_of(nodes, "address", sizeof("ADDRESS") - 1);
    size_t index;
    json_t *node;

    printf("%s%-*s  %-*s  %-15s  %7s  %-10s%s\n", m->terminal.dim, id_width, "NODE", address_width, "ADDRESS", "STATE",
           "SHARE %", "PEER", m->terminal.plain);
    json_array_foreach(nodes, index, node) {
        char id[SLICE_ESCAPED_MAX], address[SLICE_ESCAPED_MAX], state[SLICE_ESCAPED_MAX], peer[SLICE_ESCAPED_MAX];

        printf("%s%-*s%s  %-*s  %-15s  %7.2f  %s\n", m->terminal.bold, id_width, text_of(node, "id", id),
               m->terminal.plain, address_width, text_of(node, "address", address), text_of(node, "state", state),
               100 * json_number_value(json_object_get(node, "share")), text_of(node, "peer", peer));
    }
}

static int judge(const struct members *m, const json_t *answer) {
    bool good = json_is_true(json_object_get(answer, "member")) && json_is_true(json_object_get(answer, "authority"));

    if (!good && !m->node.ask.json) {
        printf("%sthis node %s: it does not answer for its keys%s\n", m->terminal.red,
               json_is_true(json_object_get(answer, "member")) ? "is cut off from the store" : "is no member",
               m->terminal.plain);
    }
    return good ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int print(const struct members *m, struct slice body) {
    json_t *answer = node_read_json(&m->node, body);
    int code = EXIT_CODE_FAILURE;

    if (answer == NULL) {
        return EXIT_CODE_SERVER;
    }
    if (m->node.ask.json) {
        code = judge(m, answer);
        json_print_line(answer); /* gives it up */
        return code;
    }
    if (!json_is_string(json_object_get(answer, "cluster"))) {
        fprintf(stderr, "%s: %s is alone: it was started without --cluster\n", m->node.ask.program, m->node.ask.server);
    } else {
        print_nodes(m, json_object_get(answer, "nodes"));
        code = judge(m, answer);
    }
    json_decref(answer);
    return code;
}

static int ask(struct members *m) {
    struct transfer_request request = {.method = "GET"};
    struct transfer_answer answer;
    int code = node_open(&m->node);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    target_begin(&m->node.target, SLICE("admin/members"));
    code = node_ask(&m->node, &request, &answer);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    return answer.status == 200 ? print(m, answer.body) : node_explain_refusal(&m->node, "list its nodes", &answer);
}

static int run(int argc, char **argv) {
    struct members m = {.node = node_defaults("larder members")};
    int count;
    int code;

    if (!ask_parse(&usage, argc, argv, &m.node.ask, &count, &code)) {
        return code;
    }
    m.terminal = terminal_detect();
    code = ask(&m);
    node_close(&m.node);
    return code;
}

const struct subcommand subcommand_members = {"members", "list the nodes of a cluster", run};
