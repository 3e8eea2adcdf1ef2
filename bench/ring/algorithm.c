/* SPDX-License-Identifier: Apache-2.0 */
#include "algorithm.h"

#include <stdio.h>
#include <stdlib.h>

#include "ring/ring.h"

void *need(size_t size) {
    void *memory = malloc(size);

    if (memory == NULL) {
        fputs("ring: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

#define SLOTTED(bits)                                                                                                  \
    { "slots", bits, slotted_make, slotted_change, slotted_look_up, slotted_destroy }

const struct algorithm algorithms[] = {
    {"ketama", 100, ketama_make, NULL, ketama_look_up, free},
    {"ketama", 160, ketama_make, NULL, ketama_look_up, free},
    {"ketama", 1000, ketama_make, NULL, ketama_look_up, free},
    {"jump", 0, jump_make, NULL, jump_look_up, free},
    {"maglev", 65537, maglev_make, NULL, maglev_look_up, free},
    {"maglev", 655373, maglev_make, NULL, maglev_look_up, free},
    {"multiprobe", 21, multiprobe_make, NULL, multiprobe_look_up, multiprobe_destroy},
    {"rendezvous", 0, rendezvous_make, NULL, rendezvous_look_up, free},
    SLOTTED(14),
    SLOTTED(16),
    SLOTTED(18),
    SLOTTED(20),
    {"larder", RING_SLOT_BITS, larder_make, larder_change, larder_look_up, larder_destroy},
};
const size_t algorithm_count = sizeof(algorithms) / sizeof(algorithms[0]);
