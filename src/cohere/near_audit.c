/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cohere/near_internal.h"

/* An audit of all parts: each has its own, and the caller gets the sum. */

struct audited {
    struct store_call call; /* first */
    struct near_audit *audit;
};

struct near_audit {
    struct store_call *outer; /* the caller's */
    size_t left;
    size_t count;
    struct audited parts[];
};

static void take_keys(struct store_call *outer, const struct store_result *result) {
    struct store_result *sum = &outer->result;
    struct slice *keys = arena_calloc(&outer->arena, sum->audit_key_count + result->audit_key_count + 1, sizeof(*keys));

    if (keys == NULL) {
        return; /* they are counted all the same */
    }
    for (size_t i = 0; i < sum->audit_key_count; i++) {
        keys[i] = sum->audit_keys[i];
    }
    sum->audit_keys = keys;
    for (size_t i = 0; i < result->audit_key_count; i++) {
        if (arena_copy(&outer->arena, result->audit_keys[i], &keys[sum->audit_key_count])) {
            sum->audit_key_count++;
        }
    }
}

static void add(struct store_call *outer, const struct store_call *call) {
    outer->status = outer->status == STORE_OK ? call->status : outer->status;
    outer->revision = call->revision > outer->revision ? call->revision : outer->revision;
    outer->result.audit_compared += call->result.audit_compared;
    outer->result.audit_differences += call->result.audit_differences;
    take_keys(outer, &call->result);
}

static void finish(struct near_audit *audit) {
    struct store_call *outer = audit->outer;

    outer->status = STORE_OK;
    outer->revision = 0;
    outer->result = (struct store_result){.kind = STORE_OP_AUDIT};
    for (size_t i = 0; i < audit->count; i++) {
        add(outer, &audit->parts[i].call);
        store_call_fini(&audit->parts[i].call);
    }
    free(audit);
    outer->done(outer);
}

static void let_go(struct near_audit *audit) {
    audit->left--;
    if (audit->left == 0) {
        finish(audit);
    }
}

static void on_done(struct store_call *call) {
    let_go(((struct audited *)(void *)call)->audit);
}

void near_audit(struct near_set *set, struct store_call *call) {
    struct near_audit *audit = calloc(1, sizeof(*audit) + set->count * sizeof(audit->parts[0]));

    if (audit == NULL) {
        call->status = STORE_NO_MEMORY;
        call->result = (struct store_result){.kind = STORE_OP_AUDIT};
        call->done(call);
        return;
    }
    audit->outer = call;
    audit->count = set->count;
    audit->left = set->count + 1; /* one for this function */
    for (size_t i = 0; i < set->count; i++) {
        struct audited *part = &audit->parts[i];

        part->audit = audit;
        store_call_init(&part->call, on_done);
        part->call.op = call->op;
        part->call.deadline_ns = call->deadline_ns;
        part->call.token = call->token;
        set->parts[i]->touched = true;
        coherence_audit(set->parts[i]->machine, &part->call);
    }
    let_go(audit);
}
