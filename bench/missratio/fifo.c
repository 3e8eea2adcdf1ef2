/* SPDX-License-Identifier: Apache-2.0 */
#include "single.h"

static void hit(struct single *s, uint32_t id) {
    (void)s;
    (void)id;
}

static void evict(struct single *s) {
    single_drop(s, s->queue.oldest);
}

static bool request(void *self, const struct request *r) {
    return single_request(self, r, hit, evict);
}

const struct policy policy_fifo = {"fifo", single_create, request, single_destroy, NULL};
