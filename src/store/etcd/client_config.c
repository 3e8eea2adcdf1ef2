/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/etcd/client.h"

/* A member that is cut off is left after one and a half seconds, a killed one at once. */
void etcd_client_config_init(struct etcd_client_config *ret_config) {
    *ret_config = (struct etcd_client_config){
        .request_timeout_ns = 5 * CLOCK_NS_PER_S,
        .dial_timeout_ns = 1 * CLOCK_NS_PER_S,
        .attempt_timeout_ns = 2 * CLOCK_NS_PER_S,
        .keepalive_time_ns = 500 * CLOCK_NS_PER_MS,
        .keepalive_timeout_ns = 1 * CLOCK_NS_PER_S,
        .backoff_min_ns = 25 * CLOCK_NS_PER_MS,
        .backoff_max_ns = 5 * CLOCK_NS_PER_S,
        .refresh_ns = 30 * CLOCK_NS_PER_S,
    };
}
