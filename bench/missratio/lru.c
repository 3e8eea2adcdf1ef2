/* SPDX-License-Identifier: Apache-2.0 */
#include "single.h"

static void hit(struct single *s, uint32_t id) {
    queue_remove(&s->queue, s->slots, id);
    queue_push(&s->queue, s->slots, id);
}

static void evict(struct single *s) {
    single_drop(s, s->queue.oldest);
}

static bool request(void *self, const struct request *r) {
    return single_request(self, r, hit, evict);
}

const struct policy policy_lru = {"lru", single_create, request, single_destroy, NULL};
