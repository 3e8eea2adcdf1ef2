/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_NODE_H
#define LARDER_CLI_NODE_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/ask.h"
#include "cli/http/target.h"
#include "cli/http/transfer.h"

/* What the subcommands have in common that ask a node over HTTP. They take the options of struct ask, with the same
 * server: every port of a node speaks every protocol. */
struct node {
    struct ask ask; /* first: ASK_ROWS */
    struct transfer *transfer;
    struct target target; /* of the next request */
};

/* The state before the options are read. */
struct node node_defaults(const char *program);

/* Returns an exit code; when it is not EXIT_CODE_OK, the reason was printed. */
int node_open(struct node *node);

/* Also after node_open has failed, or was not called. */
void node_close(struct node *node);

/* Asks for node->target, and takes the whole answer. Returns EXIT_CODE_OK when there is one, whatever it says; else the
 * reason was printed. */
int node_ask(struct node *node, struct transfer_request *request, struct transfer_answer *ret_answer);

/* Says that the server could not be asked, or did not answer, why, and what to do. Returns the exit code for it. */
int node_explain_error(const struct node *node, enum larder_error error);

/* Says what the server refused, in its words, and what to do: `what` is "put config/a". May ask the server for what helps;
 * the answer is then no longer valid. Returns the exit code for it. */
int node_explain_refusal(struct node *node, const char *what, const struct transfer_answer *answer);

/* The same for what only durable groups can do, with the word for the key or the prefix: says also if the group is none. */
int node_explain_durable(struct node *node, const char *what, const char *key, const struct transfer_answer *answer);

/* The oldest revision whose state the node still has; 0: it does not tell. */
uint64_t node_oldest_revision(struct node *node);

/* The answer's body as JSON, which the caller gives up with json_decref. NULL: it is none, which was printed. */
json_t *node_read_json(const struct node *node, struct slice body);

/* The same, and nothing is printed. Keys may have a NUL in them. */
json_t *node_json(struct slice body);

#endif
