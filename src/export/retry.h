/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_RETRY_H
#define LARDER_EXPORT_RETRY_H

#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

/* What becomes of a batch after an attempt to send it (OTLP's specification, "OTLP/HTTP Response" and "Throttling"). */
enum retry_verdict {
    RETRY_SENT,
    RETRY_AGAIN, /* 429, 502, 503, 504, or no answer */
    RETRY_DROP,  /* it would be refused again */
};

/* `error` is what post_send returned; `status` counts only without one. */
enum retry_verdict retry_judge(enum larder_error error, unsigned status);

enum { RETRY_FIRST_MS = 250, RETRY_MAX_MS = 5000, RETRY_AFTER_MAX_S = 300 };

/* How long to wait before the next attempt, in nanoseconds: the first time about RETRY_FIRST_MS, then twice as long each time
 * up to RETRY_MAX_MS, a quarter more or less by chance; and no less than the collector has said, up to RETRY_AFTER_MAX_S.
 * `attempts` is how many there were, at least 1. */
typedef int64_t retry_delay_fn(unsigned attempts, int64_t retry_after_s, struct random *random);
retry_delay_fn retry_delay_ns;

#endif
