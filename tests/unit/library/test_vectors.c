/* SPDX-License-Identifier: Apache-2.0 */
/* The cache client goes by the ring's golden vectors, which a program has computed that shares no code with us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <larder/larder.h>

#include "unit/ring/ring_vectors.h"

enum { SERVERS_MAX = 64, LEAST = 100 };

static struct larder_cache *cache_of(size_t count) {
    char servers[SERVERS_MAX * 24] = "";
    struct larder_cache *cache;
    size_t size = 0;

    assert_true(count > 0 && count <= SERVERS_MAX);
    for (size_t i = 1; i <= count; i++) {
        size += (size_t)snprintf(servers + size, sizeof(servers) - size, "10.0.0.%zu:11211,", i);
    }
    assert_int_equal(larder_cache_new(servers, NULL, &cache, NULL), LARDER_DONE);
    return cache;
}

/* Texts stand in hexadecimal digits. */
static size_t bytes_of(const char *text, char *ret_bytes) {
    size_t size = strlen(text) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned byte;

        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        ret_bytes[i] = (char)byte;
    }
    return size;
}

static void servers_are_the_rings(void **state) {
    FILE *file = fopen(RING_VECTORS, "r");
    struct larder_cache *cache = NULL;
    size_t count, last = 0, checked = 0;
    char *line = NULL, text[512], key[256];
    size_t room = 0;
    int place;

    (void)state;
    assert_non_null(file);
    while (getline(&line, &room, file) > 0) {
        if (sscanf(line, "server %zu %511s %d", &count, text, &place) != 3) {
            continue;
        }
        if (count != last) {
            larder_cache_free(cache);
            cache = cache_of(count);
            last = count;
        }
        assert_int_equal(larder_cache_server_of(cache, key, bytes_of(text, key)), place);
        checked++;
    }
    assert_true(checked >= LEAST);
    larder_cache_free(cache);
    free(line);
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(servers_are_the_rings)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
