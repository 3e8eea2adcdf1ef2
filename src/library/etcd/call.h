/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_CALL_H
#define LARDER_LIBRARY_ETCD_CALL_H

#include "library/etcd/client.h"
#include "library/etcd/wait.h"

/* A call to the store that its thread waits for. */
struct call {
    struct store_call call;    /* first; `op` and retry_unknown are filled in after call_init */
    const struct span *parent; /* whose child it is for the tracer; NULL: the client's */
    struct waiter waiter;
};

void call_init(struct call *c);
void call_fini(struct call *c);

/* Asks, and waits for the answer: until `deadline_ns` at most (0: as long as the client allows). */
enum store_status call_run(struct larder_etcd *client, struct call *c, int64_t deadline_ns);

/* The same without a word to the tracer. */
void call_wait(struct larder_etcd *client, struct call *c, int64_t deadline_ns);

/* Begins a result: nothing has come yet. */
void call_clear(struct larder_etcd_result *result);

/* Ends with an error that is not of the store. `result` may be NULL. Returns the status. */
enum larder_status call_fail(struct larder_etcd_result *result, enum larder_status status, const char *why);

/* What came of the call, into `result`, which may be NULL. Returns its status: that of status_of, or NO_MEMORY. */
enum larder_status call_take(struct larder_etcd *client, const struct store_call *call,
                             struct larder_etcd_result *result);

/* The same of an operation of the caller's, whose success has a name of its own. */
enum larder_status call_take_op(struct larder_etcd *client, enum larder_etcd_op_kind kind,
                                const struct store_call *call, struct larder_etcd_result *result);

/* Whose child the caller says that it is; NULL: he does not. */
const struct span *call_parent(const struct larder_etcd_how *how);

/* When to give up, as the caller says; 0: as long as the client allows. */
int64_t call_deadline(const struct larder_etcd *client, const struct larder_etcd_how *how);

/* Copies what was found or done into the caller's memory. False: out of it. */
bool call_keep(const struct larder_etcd *client, const struct store_result *found, struct larder_etcd_result *result);

/* Asks for the operation, waits, and takes what came. */
enum larder_status call_do(struct larder_etcd *client, const struct store_op *op, int64_t deadline_ns,
                           bool retry_unknown, struct larder_etcd_result *result);

/* Says so in a result that is a success by its own name. `result` may be NULL. */
static inline enum larder_status call_name(struct larder_etcd_result *result, enum larder_status status) {
    if (result != NULL) {
        result->status = status;
    }
    return status;
}

#endif
