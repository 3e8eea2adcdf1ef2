/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_ETCD_ERROR_H
#define LARDER_PROTO_ETCD_ERROR_H

#include "base/slice.h"
#include "proto/grpc/status.h"

/* The errors of etcd's API: clients tell them apart by status and text, so both are etcd's own (etcd's package
 * etcdserver/api/v3rpc/rpctypes). errors.def lists them. */
enum etcd_error {
    ETCD_OK = 0,
#define ERROR(id, status, text) ETCD_ERROR_##id,
#include "proto/etcd/errors.def"
#undef ERROR
    ETCD_ERROR_COUNT
};

enum grpc_status etcd_error_status(enum etcd_error error);

/* Static; empty for ETCD_OK. */
struct slice etcd_error_text(enum etcd_error error);

/* The error as etcd's client library shows it, which is what a cancelled watch has for a reason; NUL-terminated. Returns
 * ret_text. */
enum { ETCD_REASON_MAX = 160 };
char *etcd_error_reason(enum etcd_error error, char ret_text[ETCD_REASON_MAX]);

#endif
