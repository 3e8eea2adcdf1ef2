/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/deadline.h"

void rpc_deadline_add(struct rpc_call *call) {
    struct rpc_worker *w = call->worker;
    struct rpc_call *before = w->due_last;

    while (before != NULL && before->deadline_ns > call->deadline_ns) {
        before = before->due_previous;
    }
    call->due_previous = before;
    call->due_next = before != NULL ? before->due_next : w->due_first;
    *(before != NULL ? &before->due_next : &w->due_first) = call;
    *(call->due_next != NULL ? &call->due_next->due_previous : &w->due_last) = call;
}

void rpc_deadline_remove(struct rpc_call *call) {
    struct rpc_worker *w = call->worker;

    if (call->due_previous == NULL && w->due_first != call) {
        return;
    }
    *(call->due_previous != NULL ? &call->due_previous->due_next : &w->due_first) = call->due_next;
    *(call->due_next != NULL ? &call->due_next->due_previous : &w->due_last) = call->due_previous;
    call->due_previous = NULL;
    call->due_next = NULL;
}
