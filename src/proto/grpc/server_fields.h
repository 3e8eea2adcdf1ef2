/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_SERVER_FIELDS_H
#define LARDER_PROTO_GRPC_SERVER_FIELDS_H

#include <nghttp2/nghttp2.h>

#include <stdbool.h>

#include "proto/grpc/head.h"
#include "proto/grpc/status.h"

/* The fields of answers; all of them are static. */

/* Writes what every answer begins with, two fields; returns 2. */
size_t server_fields_begin(nghttp2_nv *ret_fields);

/* grpc-status. */
const nghttp2_nv *server_field_status(enum grpc_status status);

/* grpc-accept-encoding: identity. */
const nghttp2_nv *server_field_identity(void);

/* What is wrong with a call's head. */
enum server_fault {
    SERVER_FAULT_NONE,
    SERVER_FAULT_METHOD,
    SERVER_FAULT_TYPE,
    SERVER_FAULT_LIST, /* too large */
    SERVER_FAULT_TIMEOUT,
    SERVER_FAULT_MEMORY, /* ours */
};

enum server_fault server_fault_of(const struct grpc_head_reader *head);

/* Answers a call that is not opened. 0 or an error of nghttp2's. */
int server_fault_answer(nghttp2_session *session, int32_t id, enum server_fault fault);

#endif
