/* SPDX-License-Identifier: Apache-2.0 */
#include "single.h"

/* SIEVE (Zhang et al., NSDI 2024): the hand walks from old to new and objects stay where they are. */

static void hit(struct single *s, uint32_t id) {
    s->slots[id].freq = 1;
}

static void evict(struct single *s) {
    uint32_t id = s->hand == QUEUE_NONE ? s->queue.oldest : s->hand;
    while (s->slots[id].freq) {
        s->slots[id].freq = 0;
        id = s->slots[id].newer == QUEUE_NONE ? s->queue.oldest : s->slots[id].newer;
    }
    s->hand = id;
    single_drop(s, id);
}

static bool request(void *self, const struct request *r) {
    return single_request(self, r, hit, evict);
}

const struct policy policy_sieve = {"sieve", single_create, request, single_destroy, NULL};
