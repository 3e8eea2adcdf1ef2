/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/origin_internal.h"

struct origin_flight *origin_flight_new(struct origin_worker *w, const struct group_policy *policy,
                                        const struct origin_place *place, uint64_t hash, struct slice key,
                                        const struct origin_plan *plan) {
    struct origin_flight *f;

    if (!origin_charge(w->origin, sizeof(*f))) {
        return NULL;
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL) {
        origin_discharge(w->origin, sizeof(*f));
        return NULL;
    }
    f->worker = w;
    f->place = origin_place_ref(place);
    f->group = policy->index;
    f->hash = hash;
    f->number = UINT64_MAX;
    f->may_store = plan->decision.may_store;
    f->scope = trace_scope_ref(plan->scope);
    f->key_size = key.size;
    memcpy(f->key, key.data, key.size);
    atomic_init(&f->voided, false);
    atomic_init(&f->outdated, false);
    return f;
}

void origin_flight_know(struct origin_flight *f, struct origin_plan *plan) {
    if (plan->old.blob != NULL && origin_entry_read(plan->old.value, &f->old) == LARDER_OK) {
        f->old_held = plan->old;
        plan->old.blob = NULL;
        f->old_flags = plan->old_flags;
        f->old_expires = plan->old_expires;
        f->conditional = plan->decision.way != JUDGE_PASS && origin_entry_has_validator(&f->old);
    }
    origin_held_drop(&plan->old);
}

void origin_flight_free(struct origin_flight *f) {
    struct origin *origin = f->worker->origin;

    origin_trace_end(f, LARDER_ERROR_CLOSED, 0);
    trace_scope_unref(f->scope);
    origin_held_drop(&f->old_held);
    origin_place_drop(&f->place);
    if (f->value != NULL) {
        blob_unref(&f->value->blob);
    }
    if (f->peer_body != NULL) {
        blob_unref(&f->peer_body->blob);
    }
    free(f->head_text);
    free(f);
    origin_discharge(origin, sizeof(*f));
}

static struct origin_held ref(struct blob *blob, struct slice value) {
    blob_ref(blob);
    return (struct origin_held){blob, value};
}

static void tell(const struct origin_flight *f, struct origin_op *op, enum origin_landing landing, enum result result) {
    op->landed = true;
    op->landing = landing;
    op->result = result;
    op->broken = f->broken;
    op->flight = NULL;
    op->shared = landing == ORIGIN_LANDED_NONE || f->outcome.shared;
    op->stored = f->stored;
    op->status = f->has_head ? f->answer.status : 0;
    if (f->value != NULL) {
        op->value = ref(&f->value->blob, origin_value_bytes(f->value));
    }
    if (landing == ORIGIN_LANDED_KEPT) {
        op->old = ref(f->old_held.blob, f->old_held.value);
    }
    if (!op->posted) {
        pending_post(&op->pending);
    }
}

void origin_flight_tell(const struct origin_flight *f, struct origin_op *op, enum origin_landing landing,
                        enum result result) {
    while (op != NULL) {
        struct origin_op *next = op->next;

        tell(f, op, landing, result);
        op = next;
    }
}

void origin_flight_turn_away(struct origin_op *op) {
    while (op != NULL) {
        struct origin_op *next = op->next;

        op->landed = true;
        op->landing = ORIGIN_LANDED_VALUE; /* which is not shared */
        op->shared = false;
        pending_post(&op->pending);
        op = next;
    }
}
