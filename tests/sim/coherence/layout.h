/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_COHERENCE_LAYOUT_H
#define LARDER_TESTS_SIM_COHERENCE_LAYOUT_H

#include "cohere/coherence.h"

/* The keys there are, and what shall become of them: under /a/ and /b/ those with a k are kept, those with an m mirrored,
 * those with a z not kept; those under /x/ have no policy. */
enum { LAYOUT_KEYS = 18, LAYOUT_MACHINES = 2, LAYOUT_MIRRORS = 2 };

#define LAYOUT_STALE_A (INT64_C(1000) * 1000 * 1000)
#define LAYOUT_STALE_B (INT64_C(3000) * 1000 * 1000)

struct layout_machine {
    struct store_span span;
    struct store_span mirrors[LAYOUT_MIRRORS];
    size_t mirror_count;
};

struct layout {
    enum coherence_proof proof;
    struct layout_machine machines[LAYOUT_MACHINES]; /* with spans apart */
    size_t machine_count;
};

/* The whole key space in one machine BY_EVENTS, else one machine for /a/ and maybe one for /b/. */
void layout_init(struct layout *layout, enum coherence_proof proof, size_t machine_count);

struct slice layout_key(size_t index);

/* LAYOUT_KEYS: it is none of them. */
size_t layout_index(struct slice key);

/* machine_count: none. */
size_t layout_machine_of(const struct layout *layout, struct slice key);

bool layout_has(const struct store_span *span, struct slice key);

/* As coherence_world's. */
const struct coherence_policy *layout_policy(struct slice key);

#endif
