/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/membership_pack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* Of one node in the digest: its id, a NUL (no id has one), and these bytes: incarnation and algorithm as little-endian
 * numbers, and whether it is leaving. Nodes of different releases compare digests: this must not change. */
enum { DIGEST_INCARNATION = 8, DIGEST_ALGORITHM = 4, DIGEST_TAIL = 1 + DIGEST_INCARNATION + DIGEST_ALGORITHM + 1 };

static char *put_number(char *to, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = (char)(number >> 8 * i);
    }
    return to + size;
}

static uint64_t digest_of(const struct membership *m) {
    XXH3_state_t state;

    XXH3_64bits_reset(&state);
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = &m->members[i];
        char tail[DIGEST_TAIL] = {0};
        char *at = put_number(tail + 1, (uint64_t)member->incarnation, DIGEST_INCARNATION);

        at = put_number(at, member->algorithm, DIGEST_ALGORITHM);
        *at = (char)member->leaving;
        XXH3_64bits_update(&state, member->id.data, member->id.size);
        XXH3_64bits_update(&state, tail, sizeof(tail));
    }
    return XXH3_64bits_digest(&state);
}

/* Copies the text to *at, which is moved behind it. */
static struct slice keep(struct slice text, char **at) {
    struct slice kept = slice_make(*at, text.size);

    memcpy(*at, text.data, text.size);
    *at += text.size;
    return kept;
}

/* The nodes, and behind them their texts. */
static size_t size_of(const struct member *members, size_t count) {
    size_t size = sizeof(struct membership) + count * sizeof(struct member);

    for (size_t i = 0; i < count; i++) {
        size += members[i].id.size + members[i].address.size;
    }
    return size;
}

enum larder_error membership_pack(const struct member *members, size_t count, int64_t revision,
                                  struct membership **ret_membership) {
    struct membership *m = malloc(size_of(members, count));
    char *texts;

    if (m == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    atomic_init(&m->refs, 1);
    m->revision = revision;
    m->count = count;
    texts = (char *)&m->members[count];
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 || slice_compare(members[i - 1].id, members[i].id) < 0);
        m->members[i] = members[i];
        m->members[i].id = keep(members[i].id, &texts);
        m->members[i].address = keep(members[i].address, &texts);
    }
    m->digest = digest_of(m);
    *ret_membership = m;
    return LARDER_OK;
}
