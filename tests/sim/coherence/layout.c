/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include "../mvcc.h"

static const char *const keys[LAYOUT_KEYS] = {
    "/a/k0", "/a/k1", "/a/k2", "/a/k3", "/a/k4", "/a/m0", "/a/m1", "/a/m2", "/a/m3",
    "/a/z0", "/b/k0", "/b/k1", "/b/m0", "/b/m1", "/b/m2", "/b/z0", "/x/0",  "/x/1",
};

void layout_init(struct layout *layout, enum coherence_proof proof, size_t machine_count) {
    struct store_span a = {SLICE("/a/"), SLICE("/a0")};
    struct store_span b = {SLICE("/b/"), SLICE("/b0")};
    struct store_span all = {slice_make("", 1), slice_make("", 1)};
    struct store_span mirror_a = {SLICE("/a/m"), SLICE("/a/n")};
    struct store_span mirror_b = {SLICE("/b/m"), SLICE("/b/n")};

    *layout = (struct layout){.proof = proof, .machine_count = machine_count};
    if (proof == COHERENCE_BY_EVENTS) {
        layout->machine_count = 1;
        layout->machines[0] = (struct layout_machine){all, {mirror_a, mirror_b}, 2};
    } else {
        layout->machines[0] = (struct layout_machine){a, {mirror_a}, 1};
        layout->machines[1] = (struct layout_machine){b, {mirror_b}, 1};
    }
}

struct slice layout_key(size_t index) {
    return slice_from_string(keys[index]);
}

size_t layout_index(struct slice key) {
    size_t i = 0;

    while (i < LAYOUT_KEYS && !slice_equal(layout_key(i), key)) {
        i++;
    }
    return i;
}

bool layout_has(const struct store_span *span, struct slice key) {
    return mvcc_has(span, key);
}

size_t layout_machine_of(const struct layout *layout, struct slice key) {
    size_t i = 0;

    while (i < layout->machine_count && !mvcc_has(&layout->machines[i].span, key)) {
        i++;
    }
    return i;
}

const struct coherence_policy *layout_policy(struct slice key) {
    static const struct coherence_policy policies[2][3] = {
        {
            {.keeps = true, .stale_limit_ns = LAYOUT_STALE_A},
            {.keeps = true, .mirrored = true, .stale_limit_ns = LAYOUT_STALE_A},
            {.stale_limit_ns = LAYOUT_STALE_A},
        },
        {
            {.keeps = true, .stale_limit_ns = LAYOUT_STALE_B},
            {.keeps = true, .mirrored = true, .stale_limit_ns = LAYOUT_STALE_B},
            {.stale_limit_ns = LAYOUT_STALE_B},
        },
    };
    size_t group;

    if (key.size < 4 || (key.data[1] != 'a' && key.data[1] != 'b')) {
        return NULL;
    }
    group = key.data[1] == 'b';
    return &policies[group][key.data[3] == 'k' ? 0 : key.data[3] == 'm' ? 1 : 2];
}
