/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/etcd/outcome.h"

/* What a request may be told, once more and apart from the table: a mistake there loses writes or does them twice. */
static const enum etcd_error untouched[] = {
    ETCD_ERROR_NO_LEADER,         ETCD_ERROR_NOT_CAPABLE, ETCD_ERROR_NOT_SUPPORTED_FOR_LEARNER,
    ETCD_ERROR_TOO_MANY_REQUESTS, ETCD_ERROR_NO_STORE,
};

static const enum etcd_error in_doubt[] = {
    ETCD_ERROR_LEADER_CHANGED,
    ETCD_ERROR_NOT_LEADER,
    ETCD_ERROR_STOPPED,
    ETCD_ERROR_TIMEOUT,
    ETCD_ERROR_TIMEOUT_DUE_TO_LEADER_FAIL,
    ETCD_ERROR_TIMEOUT_DUE_TO_CONNECTION_LOST,
    ETCD_ERROR_TIMEOUT_WAIT_APPLIED_INDEX,
    ETCD_ERROR_UNHEALTHY,
    ETCD_ERROR_NO_MEMORY,
    ETCD_ERROR_DAMAGED,
    ETCD_ERROR_IO,
    ETCD_ERROR_DEADLINE,
};

static const enum etcd_error of_the_token[] = {ETCD_ERROR_INVALID_AUTH_TOKEN, ETCD_ERROR_AUTH_OLD_REVISION,
                                               ETCD_ERROR_USER_EMPTY};

static const enum etcd_error of_the_member[] = {
    ETCD_ERROR_NO_LEADER,
    ETCD_ERROR_NOT_CAPABLE,
    ETCD_ERROR_NOT_SUPPORTED_FOR_LEARNER,
    ETCD_ERROR_NO_STORE,
    ETCD_ERROR_STOPPED,
    ETCD_ERROR_TIMEOUT,
    ETCD_ERROR_TIMEOUT_DUE_TO_LEADER_FAIL,
    ETCD_ERROR_TIMEOUT_DUE_TO_CONNECTION_LOST,
    ETCD_ERROR_TIMEOUT_WAIT_APPLIED_INDEX,
    ETCD_ERROR_DAMAGED,
    ETCD_ERROR_IO,
};

#define IS_IN(list, error) is_in(list, sizeof(list) / sizeof((list)[0]), error)

static bool is_in(const enum etcd_error *list, size_t count, enum etcd_error error) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] == error) {
            return true;
        }
    }
    return false;
}

static enum etcd_verdict verdict_of(enum etcd_error error) {
    return IS_IN(untouched, error)      ? ETCD_VERDICT_UNTOUCHED
           : IS_IN(in_doubt, error)     ? ETCD_VERDICT_DOUBT
           : IS_IN(of_the_token, error) ? ETCD_VERDICT_LOGIN
                                        : ETCD_VERDICT_ANSWERED;
}

static void every_error_has_its_verdict(void **state) {
    (void)state;
    for (enum etcd_error error = ETCD_OK + 1; error < ETCD_ERROR_COUNT; error++) {
        struct etcd_outcome outcome = etcd_outcome(etcd_error_status(error), etcd_error_text(error), false);

        assert_int_equal(outcome.error, error);
        assert_int_equal(outcome.verdict, verdict_of(error));
        assert_int_equal(outcome.leave, IS_IN(of_the_member, error));
        assert_int_not_equal(outcome.status, STORE_OK);
        /* What was never looked at is untouched, whatever was said. */
        assert_int_equal(etcd_outcome(etcd_error_status(error), etcd_error_text(error), true).verdict,
                         ETCD_VERDICT_UNTOUCHED);
    }
}

static void statuses_are_the_stores(void **state) {
    static const struct {
        enum etcd_error error;
        enum store_status status;
    } rows[] = {
        {ETCD_ERROR_EMPTY_KEY, STORE_EMPTY_KEY},
        {ETCD_ERROR_KEY_NOT_FOUND, STORE_KEY_NOT_FOUND},
        {ETCD_ERROR_VALUE_PROVIDED, STORE_VALUE_PROVIDED},
        {ETCD_ERROR_LEASE_PROVIDED, STORE_LEASE_PROVIDED},
        {ETCD_ERROR_TOO_MANY_OPS, STORE_TOO_MANY_OPS},
        {ETCD_ERROR_DUPLICATE_KEY, STORE_DUPLICATE_KEY},
        {ETCD_ERROR_COMPACTED, STORE_COMPACTED},
        {ETCD_ERROR_FUTURE_REV, STORE_FUTURE_REVISION},
        {ETCD_ERROR_NO_SPACE, STORE_NO_SPACE},
        {ETCD_ERROR_LEASE_NOT_FOUND, STORE_LEASE_NOT_FOUND},
        {ETCD_ERROR_LEASE_EXIST, STORE_LEASE_EXISTS},
        {ETCD_ERROR_LEASE_TTL_TOO_LARGE, STORE_LEASE_TTL_TOO_LARGE},
        {ETCD_ERROR_REQUEST_TOO_LARGE, STORE_TOO_LARGE},
        {ETCD_ERROR_CORRUPT, STORE_DAMAGED},
        {ETCD_ERROR_PERMISSION_DENIED, STORE_DENIED},
        {ETCD_ERROR_AUTH_FAILED, STORE_DENIED},
        {ETCD_ERROR_USER_EMPTY, STORE_DENIED},
        {ETCD_ERROR_TOO_MANY_REQUESTS, STORE_TOO_MANY_REQUESTS},
        {ETCD_ERROR_MEMBER_NOT_FOUND, STORE_PROTOCOL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(etcd_outcome(etcd_error_status(rows[i].error), etcd_error_text(rows[i].error), false).status,
                         rows[i].status);
    }
}

/* Later versions of etcd give some of its texts other codes; the text counts. Texts that are not etcd's need theirs. */
static void texts_count_more_than_codes(void **state) {
    struct etcd_outcome outcome =
        etcd_outcome(GRPC_FAILED_PRECONDITION, SLICE("etcdserver: rpc not supported for learner"), false);

    (void)state;
    assert_int_equal(outcome.error, ETCD_ERROR_NOT_SUPPORTED_FOR_LEARNER);
    assert_int_equal(outcome.verdict, ETCD_VERDICT_UNTOUCHED);
    outcome = etcd_outcome(GRPC_INTERNAL, SLICE("unknown service"), false);
    assert_int_equal(outcome.error, ETCD_OK);
    assert_int_equal(outcome.verdict, ETCD_VERDICT_DOUBT);
}

static void what_is_not_etcds_is_in_doubt_unless_it_cannot_be(void **state) {
    static const struct {
        enum grpc_status status;
        const char *text;
        enum etcd_verdict verdict;
        enum store_status wanted;
        bool leave;
    } rows[] = {
        {GRPC_OK, "", ETCD_VERDICT_ANSWERED, STORE_OK, false},
        {GRPC_CANCELLED, "", ETCD_VERDICT_DOUBT, STORE_UNAVAILABLE, false},
        {GRPC_CANCELLED, "etcdserver: request canceled", ETCD_VERDICT_DOUBT, STORE_TIMEOUT, false},
        {GRPC_UNKNOWN, "raft proposal dropped", ETCD_VERDICT_UNTOUCHED, STORE_UNAVAILABLE, true},
        {GRPC_UNKNOWN, "etcdserver: request cancelled", ETCD_VERDICT_DOUBT, STORE_PROTOCOL, false},
        {GRPC_INVALID_ARGUMENT, "no", ETCD_VERDICT_ANSWERED, STORE_PROTOCOL, false},
        {GRPC_DEADLINE_EXCEEDED, "context deadline exceeded", ETCD_VERDICT_DOUBT, STORE_TIMEOUT, false},
        {GRPC_NOT_FOUND, "", ETCD_VERDICT_ANSWERED, STORE_PROTOCOL, false},
        {GRPC_PERMISSION_DENIED, "", ETCD_VERDICT_ANSWERED, STORE_DENIED, false},
        {GRPC_UNAUTHENTICATED, "", ETCD_VERDICT_ANSWERED, STORE_DENIED, false},
        {GRPC_RESOURCE_EXHAUSTED, "grpc: received message larger than max (3 vs. 2)", ETCD_VERDICT_ANSWERED,
         STORE_TOO_LARGE, false},
        {GRPC_RESOURCE_EXHAUSTED, "trying to send message larger than max (3 vs. 2)", ETCD_VERDICT_DOUBT,
         STORE_TOO_LARGE, false},
        {GRPC_RESOURCE_EXHAUSTED, "received a message larger than max (3 vs. 2)", ETCD_VERDICT_DOUBT, STORE_TOO_LARGE,
         false},
        {GRPC_RESOURCE_EXHAUSTED, "no memory for a message", ETCD_VERDICT_DOUBT, STORE_UNAVAILABLE, false},
        {GRPC_RESOURCE_EXHAUSTED, "", ETCD_VERDICT_DOUBT, STORE_UNAVAILABLE, false},
        {GRPC_ABORTED, "", ETCD_VERDICT_DOUBT, STORE_UNAVAILABLE, false},
        {GRPC_UNIMPLEMENTED, "unknown method", ETCD_VERDICT_ANSWERED, STORE_UNSUPPORTED, false},
        {GRPC_INTERNAL, "", ETCD_VERDICT_DOUBT, STORE_UNAVAILABLE, false},
        {GRPC_UNAVAILABLE, "transport is closing", ETCD_VERDICT_DOUBT, STORE_UNAVAILABLE, false},
        {GRPC_DATA_LOSS, "", ETCD_VERDICT_DOUBT, STORE_UNAVAILABLE, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct etcd_outcome outcome = etcd_outcome(rows[i].status, slice_from_string(rows[i].text), false);

        assert_int_equal(outcome.verdict, rows[i].verdict);
        assert_int_equal(outcome.status, rows[i].wanted);
        assert_int_equal(outcome.leave, rows[i].leave);
    }
}

static void results_are_for_the_operator(void **state) {
    (void)state;
    assert_int_equal(etcd_result_of(STORE_OK), ETCD_RESULT_OK);
    assert_int_equal(etcd_result_of(STORE_UNKNOWN), ETCD_RESULT_UNKNOWN);
    assert_int_equal(etcd_result_of(STORE_DENIED), ETCD_RESULT_DENIED);
    assert_int_equal(etcd_result_of(STORE_TIMEOUT), ETCD_RESULT_UNAVAILABLE);
    assert_int_equal(etcd_result_of(STORE_UNAVAILABLE), ETCD_RESULT_UNAVAILABLE);
    assert_int_equal(etcd_result_of(STORE_COMPACTED), ETCD_RESULT_REFUSED);
    assert_string_equal(etcd_result_name(ETCD_RESULT_OK), "ok");
    assert_string_equal(etcd_result_name(ETCD_RESULT_UNKNOWN), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_verdict),
        cmocka_unit_test(statuses_are_the_stores),
        cmocka_unit_test(texts_count_more_than_codes),
        cmocka_unit_test(what_is_not_etcds_is_in_doubt_unless_it_cannot_be),
        cmocka_unit_test(results_are_for_the_operator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
