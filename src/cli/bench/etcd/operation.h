/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_OPERATION_H
#define LARDER_CLI_BENCH_ETCD_OPERATION_H

#include <stdbool.h>

#include "cli/bench/etcd/callers.h"

/* What the callers of a kind of load ask, and what they think of the answers. */
struct operation {
    struct slice path;
    bool stays_open; /* one call for all requests of a caller, each a message on it */
    /* Sends one request on the caller's open call. False: the worker has failed. */
    bool (*send)(struct worker_caller *caller);
    /* Whether the answer is what it should be; if not, ret_why says why not, statically. Notes what the caller has got. */
    bool (*check)(struct worker_caller *caller, struct slice message, const char **ret_why);
};

/* Static. */
const struct operation *operation_of(enum etcd_kind kind);

#endif
