/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node.h"

#include <stdio.h>
#include <string.h>

struct node node_defaults(const char *program) {
    struct node node = {.ask = ask_defaults(program)};

    target_init(&node.target);
    return node;
}

int node_open(struct node *node) {
    struct address address;
    int code = ask_read_server(&node->ask, &address);
    enum larder_error error;

    if (code != EXIT_CODE_OK) {
        return code;
    }
    error = transfer_open(&address, node->ask.timeout_ns, &node->transfer);
    return error == LARDER_OK ? EXIT_CODE_OK : node_explain_error(node, error);
}

void node_close(struct node *node) {
    transfer_close(node->transfer);
    node->transfer = NULL;
    target_fini(&node->target);
}

int node_ask(struct node *node, struct transfer_request *request, struct transfer_answer *ret_answer) {
    enum larder_error error;

    if (node->target.failed) {
        return node_explain_error(node, LARDER_ERROR_INVALID);
    }
    request->target = buf_slice(&node->target.text);
    error = transfer_ask(node->transfer, request, ret_answer);
    return error == LARDER_OK ? EXIT_CODE_OK : node_explain_error(node, error);
}

int node_explain_error(const struct node *node, enum larder_error error) {
    const struct ask *ask = &node->ask;

    switch (error) {
    case LARDER_ERROR_NOT_FOUND:
        fprintf(stderr, "%s: cannot reach %s: there is no host of that name; check the spelling\n", ask->program,
                ask->server);
        return EXIT_CODE_UNREACHABLE;
    case LARDER_ERROR_PROTOCOL:
        fprintf(stderr, "%s: %s does not speak HTTP like Larder; is it a memcached? this needs a larderd\n",
                ask->program, ask->server);
        return EXIT_CODE_SERVER;
    case LARDER_ERROR_INVALID:
        fprintf(stderr, "%s: the key is too long to be sent\n", ask->program);
        return EXIT_CODE_USAGE;
    case LARDER_ERROR_LIMIT:
        fprintf(stderr, "%s: the answer is larger than the %d MiB that this tool takes\n", ask->program,
                TRANSFER_BODY_MAX >> 20);
        return EXIT_CODE_SERVER;
    default:
        return ask_explain_error(ask, error);
    }
}

json_t *node_read_json(const struct node *node, struct slice body) {
    json_t *json = json_loadb(body.size == 0 ? "" : body.data, body.size, JSON_REJECT_DUPLICATES, NULL);

    if (json == NULL) {
        fprintf(stderr, "%s: %s answered with something that is not JSON; is it a larderd?\n", node->ask.program,
                node->ask.server);
    }
    return json;
}

/* What the person at the keyboard can do about it. */
static const char *advice(unsigned status) {
    switch (status) {
    case 405:
    case 501:
        return "; it may be an older larderd: larder status tells its version";
    case 413:
        return "; see the group's max-item";
    case 421:
        return "; name the node by its address, or add the name to its option http-hosts";
    case 503:
        return "; try again";
    case 507:
        return "; delete keys, or give the node more store-quota or a larger disk";
    default:
        return "";
    }
}

/* A server's words may not steer the terminal. */
static void copy_words(struct slice words, char *ret_text, size_t room) {
    size_t size = words.size < room ? words.size : room - 1;

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)words.data[i];

        ret_text[i] = c >= ' ' && c <= '~' ? words.data[i] : '?';
    }
    ret_text[size] = '\0';
}

int node_explain_refusal(const struct node *node, const char *what, const struct transfer_answer *answer) {
    json_t *json = json_loadb(answer->body.size == 0 ? "" : answer->body.data, answer->body.size, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    char words[400];

    copy_words(message == NULL ? answer->body : slice_from_string(message), words, sizeof(words));
    fprintf(stderr, "%s: the server refused to %s: %s%s(%u)%s\n", node->ask.program, what, words,
            *words == '\0' ? "" : " ", answer->status, advice(answer->status));
    json_decref(json);
    return EXIT_CODE_SERVER;
}
