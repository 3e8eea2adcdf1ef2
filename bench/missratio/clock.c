/* SPDX-License-Identifier: Apache-2.0 */
#include "single.h"

static void hit(struct single *s, uint32_t id) {
    s->slots[id].freq = 1;
}

static void evict(struct single *s) {
    uint32_t id = s->queue.oldest;
    if (!s->slots[id].freq) {
        single_drop(s, id);
        return;
    }
    s->slots[id].freq = 0;
    queue_remove(&s->queue, s->slots, id);
    queue_push(&s->queue, s->slots, id);
}

static bool request(void *self, const struct request *r) {
    return single_request(self, r, hit, evict);
}

const struct policy policy_clock = {"clock", single_create, request, single_destroy, NULL};
