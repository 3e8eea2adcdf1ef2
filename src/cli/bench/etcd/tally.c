/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/etcd/tally.h"

#include <stdio.h>
#include <string.h>

#include "cli/bench/tally.h"

const char *etcd_status_name(enum grpc_status status) {
    static const char *const names[ETCD_STATUSES] = {
        [GRPC_OK] = "OK",
        [GRPC_CANCELLED] = "CANCELLED",
        [GRPC_UNKNOWN] = "UNKNOWN",
        [GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
        [GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
        [GRPC_NOT_FOUND] = "NOT_FOUND",
        [GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
        [GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
        [GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
        [GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
        [GRPC_ABORTED] = "ABORTED",
        [GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
        [GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
        [GRPC_INTERNAL] = "INTERNAL",
        [GRPC_UNAVAILABLE] = "UNAVAILABLE",
        [GRPC_DATA_LOSS] = "DATA_LOSS",
        [GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
    };

    return (unsigned)status < ETCD_STATUSES ? names[status] : names[GRPC_UNKNOWN];
}

void etcd_tally_init(struct etcd_tally *t) {
    memset(t, 0, sizeof(*t));
    stats_init(&t->stats);
    histogram_init(&t->put_latency);
}

void etcd_tally_merge(struct etcd_tally *t, const struct etcd_tally *other) {
    stats_merge(&t->stats, &other->stats);
    for (int i = 0; i < ETCD_STATUSES; i++) {
        t->statuses[i] += other->statuses[i];
    }
    t->wrong += other->wrong;
    if (t->first_wrong[0] == '\0') {
        memcpy(t->first_wrong, other->first_wrong, sizeof(t->first_wrong));
    }
    t->keys += other->keys;
    t->puts += other->puts;
    histogram_merge(&t->put_latency, &other->put_latency);
    if (t->max_calls == 0 || (other->max_calls > 0 && other->max_calls < t->max_calls)) {
        t->max_calls = other->max_calls;
    }
}

void etcd_tally_refusal(struct etcd_tally *t, enum grpc_status status, struct slice text) {
    t->statuses[(unsigned)status < ETCD_STATUSES ? status : GRPC_UNKNOWN]++;
    t->stats.errors++;
    if (t->stats.first_error[0] == '\0') {
        tally_copy_text(text, t->stats.first_error, sizeof(t->stats.first_error));
    }
}

void etcd_tally_wrong(struct etcd_tally *t, const char *why) {
    t->wrong++;
    if (t->first_wrong[0] == '\0') {
        snprintf(t->first_wrong, sizeof(t->first_wrong), "%s", why);
    }
}
