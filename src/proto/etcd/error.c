/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/error.h"

#include <assert.h>

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
