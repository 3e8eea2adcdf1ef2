/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/outcome.h"

#include <string.h>

/* Which errors are given before anything is proposed was read in etcd 3.4.23 (api/v3rpc/interceptor.go, v3_server.go) and
 * compared with what 3.5 and 3.6 are documented to say. Between them texts have stayed and some status codes have moved
 * (that of learners from Unavailable to FailedPrecondition), so a text that is etcd's own counts also with another code. */
struct row {
    bool listed;
    enum etcd_verdict verdict;
    enum store_status status;
    bool leave;
};

static const struct row rows[ETCD_ERROR_COUNT] = {
#define OUTCOME(error, verdict, status, leave)                                                                         \
    [ETCD_ERROR_##error] = {true, ETCD_VERDICT_##verdict, STORE_##status, leave},
#include "store/etcd/outcomes.def"
#undef OUTCOME
};

/* raft's own, which etcd hands on as it is: there is no leader, or it is handing over, and nothing was proposed. */
#define PROPOSAL_DROPPED SLICE("raft proposal dropped")

/* grpc-go's, of a request over --max-request-bytes and a bit: the server has not looked at it. */
#define MESSAGE_REFUSED SLICE("grpc: received message larger than max")

/* In grpc-go's and in our own of an answer. Others exhaust a resource for a while only: memory, or somebody's patience. */
#define MESSAGE_TOO_LARGE SLICE("message larger than max")

/* 3.5 and later call a handler's context error so. */
#define CANCELED SLICE("etcdserver: request canceled")

static enum etcd_error find(enum grpc_status status, struct slice text) {
    bool is_etcds = slice_has_prefix(text, SLICE("etcdserver: "));
    enum etcd_error same_text = ETCD_OK;

    for (enum etcd_error error = ETCD_OK + 1; error < ETCD_ERROR_COUNT; error++) {
        if (slice_equal(etcd_error_text(error), text)) {
            if (etcd_error_status(error) == status) {
                return error;
            }
            same_text = error;
        }
    }
    return is_etcds ? same_text : ETCD_OK;
}

static struct etcd_outcome outcome(enum etcd_verdict verdict, enum store_status status, bool leave) {
    return (struct etcd_outcome){.verdict = verdict, .status = status, .leave = leave};
}

static bool contains(struct slice text, struct slice part) {
    return text.size >= part.size && memmem(text.data, text.size, part.data, part.size) != NULL;
}

static struct etcd_outcome exhausted_outcome(struct slice text) {
    if (slice_has_prefix(text, MESSAGE_REFUSED)) {
        return outcome(ETCD_VERDICT_ANSWERED, STORE_TOO_LARGE, false);
    }
    return outcome(ETCD_VERDICT_DOUBT, contains(text, MESSAGE_TOO_LARGE) ? STORE_TOO_LARGE : STORE_UNAVAILABLE, false);
}

/* Errors that are not etcd's: of gRPC itself, of a proxy, or of Go. */
static struct etcd_outcome plain_outcome(enum grpc_status status, struct slice text) {
    switch (status) {
    case GRPC_UNKNOWN:
        return slice_equal(text, PROPOSAL_DROPPED) ? outcome(ETCD_VERDICT_UNTOUCHED, STORE_UNAVAILABLE, true)
                                                   : outcome(ETCD_VERDICT_DOUBT, STORE_PROTOCOL, false);
    case GRPC_INVALID_ARGUMENT:
    case GRPC_NOT_FOUND:
    case GRPC_ALREADY_EXISTS:
    case GRPC_FAILED_PRECONDITION:
    case GRPC_OUT_OF_RANGE:
        return outcome(ETCD_VERDICT_ANSWERED, STORE_PROTOCOL, false);
    case GRPC_PERMISSION_DENIED:
    case GRPC_UNAUTHENTICATED:
        return outcome(ETCD_VERDICT_ANSWERED, STORE_DENIED, false);
    case GRPC_UNIMPLEMENTED:
        return outcome(ETCD_VERDICT_ANSWERED, STORE_UNSUPPORTED, false);
    case GRPC_RESOURCE_EXHAUSTED:
        return exhausted_outcome(text);
    case GRPC_DEADLINE_EXCEEDED:
        return outcome(ETCD_VERDICT_DOUBT, STORE_TIMEOUT, false);
    default:
        return outcome(ETCD_VERDICT_DOUBT, slice_equal(text, CANCELED) ? STORE_TIMEOUT : STORE_UNAVAILABLE, false);
    }
}

struct etcd_outcome etcd_outcome(enum grpc_status status, struct slice text, bool untouched) {
    enum etcd_error error;
    struct etcd_outcome result;

    if (status == GRPC_OK) {
        return outcome(ETCD_VERDICT_ANSWERED, STORE_OK, false);
    }
    if (untouched) {
        return outcome(ETCD_VERDICT_UNTOUCHED, STORE_UNAVAILABLE, false);
    }
    error = find(status, text);
    if (error == ETCD_OK) {
        return plain_outcome(status, text);
    }
    result = rows[error].listed ? outcome(rows[error].verdict, rows[error].status, rows[error].leave)
                                : outcome(ETCD_VERDICT_ANSWERED, STORE_PROTOCOL, false);
    result.error = error;
    return result;
}

enum etcd_result etcd_result_of(enum store_status status) {
    switch (status) {
    case STORE_OK:
        return ETCD_RESULT_OK;
    case STORE_DENIED:
        return ETCD_RESULT_DENIED;
    case STORE_UNKNOWN:
        return ETCD_RESULT_UNKNOWN;
    case STORE_UNAVAILABLE:
    case STORE_TIMEOUT:
    case STORE_CLOSED:
    case STORE_TOO_MANY_REQUESTS:
    case STORE_NO_MEMORY:
    case STORE_PROTOCOL:
    case STORE_IO:
        return ETCD_RESULT_UNAVAILABLE;
    default:
        return ETCD_RESULT_REFUSED;
    }
}
