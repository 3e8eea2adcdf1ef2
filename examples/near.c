/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a key of etcd from memory, and still right: cc near.c $(pkg-config --cflags --libs larder) && ./a.out HOST:PORT KEY */
#include <larder/near.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    const char *key = argc > 2 ? argv[2] : "greeting";
    struct larder_near_value found = LARDER_NEAR_VALUE_INIT;
    struct larder_near *near;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_near_new(argc > 1 ? argv[1] : "127.0.0.1:2379", NULL, NULL, &near, why) != LARDER_DONE) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    /* The first read asks the cluster. Once it is known here, a hit takes no system call. */
    do {
        larder_near_get(near, key, strlen(key), LARDER_NEAR_CACHED, 0, &found);
    } while (found.status >= 0 && !found.from_memory);
    printf("cached: %s %.*s\n", larder_strerror(found.status), (int)found.value_size, found.value ? found.value : "");

    /* What anybody has written before this is in it. */
    larder_near_get(near, key, strlen(key), LARDER_NEAR_LINEARIZABLE, 0, &found);
    printf("now: %s %.*s\n", larder_strerror(found.status), (int)found.value_size, found.value ? found.value : "");
    larder_near_value_free(&found);
    larder_near_free(near);
    return 0;
}
