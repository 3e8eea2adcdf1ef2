/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/error.h"

#include <assert.h>
#include <stdio.h>

static const struct {
    enum grpc_status status;
    struct slice text;
} errors[ETCD_ERROR_COUNT] = {
    [ETCD_OK] = {GRPC_OK, {"", 0}},
#define ERROR(id, status, text) [ETCD_ERROR_##id] = {status, SLICE(text)},
#include "proto/etcd/errors.def"
#undef ERROR
};

enum grpc_status etcd_error_status(enum etcd_error error) {
    assert(error < ETCD_ERROR_COUNT);
    return errors[error].status;
}

struct slice etcd_error_text(enum etcd_error error) {
    assert(error < ETCD_ERROR_COUNT);
    return errors[error].text;
}

/* As Go's gRPC calls them. */
static const char *const code_names[] = {
    "OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated",
};

char *etcd_error_reason(enum etcd_error error, char ret_text[ETCD_REASON_MAX]) {
    struct slice text = etcd_error_text(error);

    snprintf(ret_text, ETCD_REASON_MAX, "rpc error: code = %s desc = %.*s", code_names[etcd_error_status(error)],
             (int)text.size, text.data);
    return ret_text;
}
