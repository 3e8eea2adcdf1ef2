/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ring/groupcache_ring.h"
#include "unit/ring/ring_vectors.h"

enum { PEERS = 250, KEY_MAX = 64 };

static char texts[PEERS][32];
static struct slice peers[PEERS];

static void name_peers(void) {
    for (unsigned i = 0; i < PEERS; i++) {
        peers[i] = slice_make(texts[i], (size_t)snprintf(texts[i], sizeof(texts[i]), "http://10.0.0.%u:8008", i));
    }
}

static struct groupcache_ring *make(const struct slice *list, size_t count, struct slice self, uint32_t replicas) {
    struct groupcache_ring *ring = NULL;

    assert_int_equal(groupcache_ring_new(list, count, self, replicas, &ring), LARDER_OK);
    return ring;
}

static struct slice unhex(const char *text, char *ret_bytes) {
    size_t size = 0;
    unsigned byte;

    while (text[0] != '-' && sscanf(text + 2 * size, "%2x", &byte) == 1) {
        ret_bytes[size++] = (char)byte;
    }
    return slice_make(ret_bytes, size);
}

/* In the ring of the owner himself it is a key to be loaded there. */
static void owns_its_keys(unsigned count, unsigned replicas, struct slice key, unsigned owner) {
    struct groupcache_ring *ring = make(peers, count, peers[owner], replicas);

    assert_int_equal(groupcache_ring_pick(ring, key), GROUPCACHE_RING_SELF);
    groupcache_ring_free(ring);
}

static void agrees_with_the_go_library(void **state) {
    FILE *file = fopen(GROUPCACHE_VECTORS, "r");
    unsigned replicas, count, owner, lines = 0, last_replicas = 0, last_count = 0;
    struct groupcache_ring *ring = NULL;
    char hex[2 * KEY_MAX + 1], bytes[KEY_MAX];

    (void)state;
    name_peers();
    assert_non_null(file);
    while (fscanf(file, "%u %u %128s %u", &replicas, &count, hex, &owner) == 4) {
        struct slice key = unhex(hex, bytes);

        if (replicas != last_replicas || count != last_count) {
            groupcache_ring_free(ring);
            ring = make(peers, count, SLICE("http://else:1"), replicas);
            last_replicas = replicas;
            last_count = count;
            owns_its_keys(count, replicas, key, owner);
        }
        assert_int_equal(groupcache_ring_pick(ring, key), owner);
        lines++;
    }
    groupcache_ring_free(ring);
    fclose(file);
    assert_int_equal(lines, 940);
}

static void an_empty_pool_loads_for_itself(void **state) {
    struct groupcache_ring *ring = make(NULL, 0, SLICE("http://a:1"), 50);

    (void)state;
    assert_int_equal(groupcache_ring_pick(ring, SLICE("k")), GROUPCACHE_RING_SELF);
    groupcache_ring_free(ring);
}

/* The same peer twice shares all of its points with itself. */
static void the_later_of_two_has_a_shared_point(void **state) {
    struct slice twice[] = {SLICE("http://a:1"), SLICE("http://a:1")};
    struct groupcache_ring *ring = make(twice, 2, SLICE(""), 50);

    (void)state;
    assert_int_equal(groupcache_ring_pick(ring, SLICE("k")), 1);
    groupcache_ring_free(ring);
}

static void too_many_peers_are_refused(void **state) {
    static struct slice many[GROUPCACHE_RING_PEERS_MAX + 1];
    struct groupcache_ring *ring = NULL;

    (void)state;
    assert_int_equal(groupcache_ring_new(many, GROUPCACHE_RING_PEERS_MAX + 1, SLICE(""), 1, &ring), LARDER_ERROR_LIMIT);
    assert_null(ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_go_library),
        cmocka_unit_test(an_empty_pool_loads_for_itself),
        cmocka_unit_test(the_later_of_two_has_a_shared_point),
        cmocka_unit_test(too_many_peers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
