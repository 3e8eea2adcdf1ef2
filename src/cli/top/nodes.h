/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_TOP_NODES_H
#define LARDER_CLI_TOP_NODES_H

#include "cli/node.h"

/* Whom `larder top` asks: a node, and, if that is in a cluster, all its members. Who they are is asked anew each time. */

struct top_member {
    char *id;
    char *address;
    struct transfer *transfer; /* NULL: it is the node that is asked first, or is not connected */
    bool self;
    bool there; /* the membership still has it */
};

struct top_nodes {
    struct node *node; /* the one that is asked first; borrowed */
    bool alone;        /* only it is asked */
    size_t count;
    struct top_member *members;
    size_t answered; /* of the last question */
    json_t *missing; /* the ids of those that did not answer it; an array */
};

void top_nodes_init(struct top_nodes *nodes, struct node *node, bool alone);
void top_nodes_fini(struct top_nodes *nodes);

/* An answer; the object is the callee's. `id`: of the node, or "" if it is in no cluster. */
typedef void top_take_fn(void *ctx, const char *id, json_t *answer);

/* Asks all for what node->target says, one after the other. `what` is "tell its hot keys". Returns an exit code; when it is
 * not EXIT_CODE_OK the first one did not answer, and why was printed. Another that does not answer is `missing`. */
int top_nodes_ask(struct top_nodes *nodes, struct slice target, const char *what, top_take_fn *take, void *ctx);

#endif
