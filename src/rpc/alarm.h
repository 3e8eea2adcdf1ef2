/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_ALARM_H
#define LARDER_RPC_ALARM_H

#include "rpc/rpc.h"

/* Alarms. NOSPACE is raised when a write by etcd's API found no room, and either kind by a client; it stays until a client
 * disarms it. Unlike etcd's an alarm stops nothing by itself: the store refuses a put exactly as long as there is no room. */

enum { ALARM_KINDS = 2, ALARM_TEXT_MAX = 64 };

/* From the note that kept them. */
void rpc_alarm_load(struct rpc_node *node, struct slice note);

/* A write was refused for want of space. */
void rpc_alarm_no_space(struct rpc_node *node);

/* Those that are raised, as Status and /health show them. Returns how many. */
size_t rpc_alarm_texts(const struct rpc_node *node, char ret_texts[ALARM_KINDS][ALARM_TEXT_MAX]);

#endif
