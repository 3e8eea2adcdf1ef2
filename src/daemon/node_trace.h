/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_TRACE_H
#define LARDER_DAEMON_NODE_TRACE_H

#include "daemon/node.h"

/* The node's tracer, as the OTEL_ variables say. Before the workers. False: it cannot be made, which the log says. */
bool node_trace_start(struct node *node);

/* Sends what there is, for a short time. No span may be left. */
void node_trace_end(struct node *node);

#endif
