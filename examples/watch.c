/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a prefix of etcd: cc watch.c $(pkg-config --cflags --libs larder) && ./a.out HOST:PORT,HOST:PORT PREFIX */
#include <larder/etcd.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    struct larder_etcd_span span = {.key = argc > 2 ? argv[2] : "", .which = LARDER_ETCD_PREFIX};
    struct larder_etcd_events seen = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_watch *watch = NULL;
    struct larder_etcd *etcd = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    span.key_size = strlen(span.key);
    if (larder_etcd_new(argc > 1 ? argv[1] : "127.0.0.1:2379", NULL, &etcd, why) != LARDER_DONE ||
        larder_etcd_watch_new(etcd, &span, NULL, &watch, why) != LARDER_DONE) {
        fprintf(stderr, "%s\n", why);
        larder_etcd_free(etcd);
        return 1;
    }
    printf("watching\n");
    fflush(stdout);
    while (larder_etcd_watch_next(watch, LARDER_ETCD_FOREVER, &seen) == LARDER_DONE) {
        for (size_t i = 0; i < seen.count; i++) {
            const struct larder_etcd_kv *kv = &seen.events[i].kv;

            printf("%s %s %s\n", seen.events[i].kind == LARDER_ETCD_PUT_EVENT ? "put" : "delete", kv->key, kv->value);
        }
        fflush(stdout);
    }
    fprintf(stderr, "%s\n", seen.message); /* compacted meanwhile, or refused: the watch has ended */
    larder_etcd_events_free(&seen);
    larder_etcd_watch_free(watch);
    larder_etcd_free(etcd);
    return 1;
}
