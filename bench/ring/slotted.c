/* SPDX-License-Identifier: Apache-2.0 */
/* Rendezvous hashing of slots, with any number of them: what src/ring does, and the same code assigns them. */
#include <stdlib.h>
#include <string.h>

#include "algorithm.h"
#include "ring/slots.h"

struct slotted {
    struct slots slots;
    unsigned shift;
    uint16_t *owners;
    uint64_t seeds[];
};

void *slotted_change(unsigned bits, const struct nodes *nodes, const void *old) {
    static const struct slots nothing = {.count = 0};
    struct slotted *s = need(sizeof(*s) + nodes->count * sizeof(s->seeds[0]));
    const struct slots *like = old == NULL ? &nothing : &((const struct slotted *)old)->slots;

    memcpy(s->seeds, nodes->hashes, nodes->count * sizeof(s->seeds[0]));
    s->shift = 64 - bits;
    s->owners = need(sizeof(s->owners[0]) << bits);
    s->slots = (struct slots){nodes->count, s->seeds, UINT32_C(1) << bits, s->owners};
    slots_assign(&s->slots, like, s->owners);
    return s;
}

void *slotted_make(unsigned bits, const struct nodes *nodes) {
    return slotted_change(bits, nodes, NULL);
}

uint32_t slotted_look_up(const void *self, uint64_t hash) {
    const struct slotted *s = self;

    return s->owners[hash >> s->shift];
}

void slotted_destroy(void *self) {
    free(((struct slotted *)self)->owners);
    free(self);
}
