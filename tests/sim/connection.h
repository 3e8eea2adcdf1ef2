/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_CONNECTION_H
#define LARDER_TESTS_SIM_CONNECTION_H

#include "member.h"

/* A client's connection to a member: gRPC. */

/* Ends its calls and frees it; the wire is left alone. */
void connection_free(struct connection *connection);

/* What is to be sent is sent. */
void connection_flush_soon(struct connection *connection);

/* A method's message, whoever may ask. */
void connection_dispatch(struct call *call, const ProtobufCMessage *request);

#endif
