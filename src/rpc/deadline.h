/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_DEADLINE_H
#define LARDER_RPC_DEADLINE_H

#include "rpc/rpc.h"

/* The calls of a worker that have a deadline, in the order in which it passes. Clients give most calls the same time, so a
 * new one belongs at the end, or nearly so, and is looked for from there. */

void rpc_deadline_add(struct rpc_call *call);

/* A call that is not in the list is left alone. */
void rpc_deadline_remove(struct rpc_call *call);

#endif
