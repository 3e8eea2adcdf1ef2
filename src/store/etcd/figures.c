/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/figures.h"

#include <assert.h>

const char *etcd_result_name(enum etcd_result result) {
    static const char *const names[ETCD_RESULT_COUNT] = {
        [ETCD_RESULT_OK] = "ok",           [ETCD_RESULT_REFUSED] = "refused",
        [ETCD_RESULT_DENIED] = "denied",   [ETCD_RESULT_UNAVAILABLE] = "unavailable",
        [ETCD_RESULT_UNKNOWN] = "unknown",
    };

    assert(result < ETCD_RESULT_COUNT);
    return names[result];
}
