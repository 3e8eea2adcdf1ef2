/* SPDX-License-Identifier: Apache-2.0 */
#include "export/retry.h"

#include "base/clock.h"

enum { DOUBLINGS_MAX = 16 };

enum retry_verdict retry_judge(enum larder_error error, unsigned status) {
    if (error == LARDER_ERROR_INVALID || error == LARDER_ERROR_NO_MEMORY) {
        return RETRY_DROP;
    }
    if (error != LARDER_OK) {
        return RETRY_AGAIN;
    }
    if (status >= 200 && status < 300) {
        return RETRY_SENT;
    }
    return status == 429 || status == 502 || status == 503 || status == 504 ? RETRY_AGAIN : RETRY_DROP;
}

int64_t retry_delay_ns(unsigned attempts, int64_t retry_after_s, struct random *random) {
    unsigned doublings = attempts > DOUBLINGS_MAX ? DOUBLINGS_MAX : attempts - 1;
    int64_t ms = (int64_t)RETRY_FIRST_MS << doublings;
    int64_t said_ns = (retry_after_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : retry_after_s) * CLOCK_NS_PER_S;
    int64_t delay_ns;

    ms = ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
    delay_ns = ms * CLOCK_NS_PER_MS * 3 / 4 + (int64_t)random_below(random, (uint64_t)(ms * CLOCK_NS_PER_MS / 2));
    return delay_ns > said_ns ? delay_ns : said_ns;
}
