/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

bool sweep_init(struct coherence *c) {
    (void)c;
    return true;
}

void sweep_fini(struct coherence *c) {
    (void)c;
}

void sweep_wish(struct coherence *c) {
    (void)c;
}

void sweep_audit(struct coherence *c, struct waiting *w) {
    waiting_end(c, w, STORE_UNSUPPORTED);
}

void sweep_event(struct coherence *c, const struct kv_event *event) {
    (void)c;
    (void)event;
}

void sweep_reset(struct coherence *c) {
    (void)c;
}

void sweep_step(struct coherence *c, int64_t now_ns) {
    (void)c;
    (void)now_ns;
}

int64_t sweep_wake_ns(const struct coherence *c) {
    (void)c;
    return INT64_MAX;
}
