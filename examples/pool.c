/* SPDX-License-Identifier: Apache-2.0 */
/* Caches through a pool of memcacheds: cc pool.c $(pkg-config --cflags --libs larder) && ./a.out HOST:PORT,HOST:PORT */
#include <larder/larder.h>
#include <stdio.h>

int main(int argc, char **argv) {
    struct larder_result found = LARDER_RESULT_INIT;
    struct larder_cache *cache;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_cache_new(argc > 1 ? argv[1] : "127.0.0.1:11211", NULL, &cache, why) != LARDER_DONE) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    if (larder_cache_get(cache, "greeting", 8, &found) == LARDER_MISS) {
        larder_cache_set(cache, "greeting", 8, "hello", 5, 60, 0, NULL); /* made again, and kept for a minute */
        larder_cache_get(cache, "greeting", 8, &found);
    }
    printf("%s: %s\n", larder_strerror(found.status), found.status == LARDER_HIT ? found.value : found.message);
    larder_result_free(&found);
    larder_cache_free(cache);
    return found.status < 0;
}
