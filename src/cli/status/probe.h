/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_STATUS_PROBE_H
#define LARDER_CLI_STATUS_PROBE_H

#include "cli/observe/traced_rpc.h"
#include "cli/status/cluster_ask.h"
#include "net/loop.h"
#include "net/timer.h"
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/driver.h"

/* One member, asked alone for its status and for the members that it knows. */
struct probe {
    struct round *round;
    struct etcd_endpoint endpoint;
    struct etcd_driver *driver;
    size_t waiting; /* answers to come */
    struct etcd_ask status;
    struct etcd_ask list;
    struct traced_rpc status_traced;
    struct traced_rpc list_traced;
    Etcdserverpb__StatusRequest status_request;
    Etcdserverpb__MemberListRequest list_request;
};

/* Those that are asked at the same time. */
struct round {
    const struct cluster_question *question;
    struct loop *loop;
    struct timer *timer; /* for those that are not waited for */
    size_t waiting;      /* answers to come, of all */
    size_t count;
    struct probe probes[ETCD_MEMBERS_MAX];
};

/* NULL: out of memory or descriptors. */
struct round *round_new(const struct cluster_question *question);

/* NULL is allowed. No answer is still to come. */
void round_free(struct round *round);

/* Asks one more. There must be room. Returns an exit code; when it is not EXIT_CODE_OK, the reason was printed. */
int round_ask(struct round *round, const struct etcd_endpoint *endpoint);

/* Until all have answered, or have failed more than once, or their time is over. */
void round_wait(struct round *round);

/* What it answered; NULL: it did not. */
const Etcdserverpb__StatusResponse *probe_status(const struct probe *p);
const Etcdserverpb__MemberListResponse *probe_list(const struct probe *p);

#endif
