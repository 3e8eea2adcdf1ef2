/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_HEALTH_H
#define LARDER_LIBRARY_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether a server is asked: after so many failures in a row it is left out for a while, then one question tries it; each
 * trial that fails doubles the while. All connections to the server share this, in any thread, without locks; the clock is
 * passed in. All zeros is a server that has never failed. */
struct health {
    _Atomic unsigned failures;    /* in a row */
    _Atomic int64_t out_until_ns; /* 0: it is asked */
};

struct health_options {
    unsigned failures_max;
    int64_t cooldown_ns;
    int64_t cooldown_max_ns;
};

/* Whether a question may go there. The first that asks after the while is its trial, and the others wait for that for another
 * while. */
bool health_admits(struct health *h, const struct health_options *o, int64_t now_ns);

/* The same without taking the trial. */
bool health_is_out(const struct health *h);

/* True if it had been left out until now. */
bool health_succeeded(struct health *h);

/* True if it is left out because of this. */
bool health_failed(struct health *h, const struct health_options *o, int64_t now_ns);

#endif
