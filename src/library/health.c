/* SPDX-License-Identifier: Apache-2.0 */
#include "library/health.h"

/* How long after so many failures. */
static int64_t cooldown(const struct health_options *o, unsigned failures) {
    int64_t ns = o->cooldown_ns;

    for (unsigned i = o->failures_max; i < failures && ns < o->cooldown_max_ns; i++) {
        ns *= 2;
    }
    return ns < o->cooldown_max_ns ? ns : o->cooldown_max_ns;
}

bool health_is_out(const struct health *h) {
    return atomic_load_explicit(&h->out_until_ns, memory_order_relaxed) != 0;
}

bool health_admits(struct health *h, const struct health_options *o, int64_t now_ns) {
    int64_t until = atomic_load_explicit(&h->out_until_ns, memory_order_relaxed);

    if (until == 0) {
        return true;
    }
    return now_ns >= until &&
           atomic_compare_exchange_strong(&h->out_until_ns, &until, now_ns + cooldown(o, atomic_load(&h->failures)));
}

bool health_succeeded(struct health *h) {
    /* Of every answer: a load, as long as nothing has failed. */
    if (atomic_load_explicit(&h->failures, memory_order_relaxed) == 0) {
        return false;
    }
    atomic_store(&h->failures, 0);
    return atomic_exchange(&h->out_until_ns, 0) != 0;
}

bool health_failed(struct health *h, const struct health_options *o, int64_t now_ns) {
    unsigned failures = atomic_fetch_add(&h->failures, 1) + 1;

    if (failures < o->failures_max) {
        return false;
    }
    return atomic_exchange(&h->out_until_ns, now_ns + cooldown(o, failures)) == 0;
}
