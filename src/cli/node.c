/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/node.h"

#include <stdio.h>

struct node node_defaults(const char *program) {
    struct node node = {.ask = ask_defaults(program)};

    target_init(&node.target);
    return node;
}

int node_open(struct node *node) {
    struct address address;
    int code = ask_read_server(&node->ask, &address);
    enum larder_error error;

    if (code != EXIT_CODE_OK || !ask_user_is_good(&node->ask, &code)) {
        return code;
    }
    error = transfer_open(&address, node->ask.user, node->ask.timeout_ns, &node->transfer);
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

json_t *node_json(struct slice body) {
    return json_loadb(body.size == 0 ? "" : body.data, body.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

json_t *node_read_json(const struct node *node, struct slice body) {
    json_t *json = node_json(body);

    if (json == NULL) {
        fprintf(stderr, "%s: %s answered with something that is not JSON; is it a larderd?\n", node->ask.program,
                node->ask.server);
    }
    return json;
}
