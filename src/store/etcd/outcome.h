/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_OUTCOME_H
#define LARDER_STORE_ETCD_OUTCOME_H

#include "proto/etcd/error.h"
#include "store/etcd/figures.h"
#include "store/store.h"

/* What the end of an attempt means for the request. */
enum etcd_verdict {
    ETCD_VERDICT_ANSWERED,  /* the request is over, with `status` */
    ETCD_VERDICT_UNTOUCHED, /* it was not done, and may be where it is sent next */
    ETCD_VERDICT_DOUBT,     /* it may have been done */
    ETCD_VERDICT_LOGIN,     /* it was not done: the token is no longer good */
};

struct etcd_outcome {
    enum etcd_verdict verdict;
    enum store_status status; /* ANSWERED: the request's; else what it will be if nothing better comes */
    enum etcd_error error;    /* what etcd said; ETCD_OK: something else */
    bool leave;               /* the member is to be left: it cannot serve anybody now */
};

/* Of a call that ended with `status` and `text`; `untouched` as in struct grpc_end. Told apart as etcd's errors.def does, by
 * both. Which errors etcd 3.4 to 3.6 give before anything is proposed: see outcome.c. */
struct etcd_outcome etcd_outcome(enum grpc_status status, struct slice text, bool untouched);

enum etcd_result etcd_result_of(enum store_status status);

#endif
