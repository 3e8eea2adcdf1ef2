/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a prefix of etcd: cc watch.c $(pkg-config --cflags --libs larder) && ./a.out HOST:PORT,HOST:PORT PREFIX */
#include <larder/etcd.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    const char *prefix = argc > 2 ? argv[2] : "";
    struct larder_etcd_span span = {.key = prefix, .key_size = strlen(prefix), .which = LARDER_ETCD_PREFIX};
    struct larder_etcd_events seen = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_watch *watch;
    struct larder_etcd *etcd;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_etcd_new(argc > 1 ? argv[1] : "127.0.0.1:2379", NULL, &etcd, why) != LARDER_DONE ||
        larder_etcd_watch_new(etcd, &span, NULL, &watch, why) != LARDER_DONE) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("watching");
    while (larder_etcd_watch_next(watch, LARDER_ETCD_FOREVER, &seen) == LARDER_DONE) {
        for (const struct larder_etcd_event *event = seen.events; event < seen.events + seen.count; event++) {
            printf("%s %s %s\n", event->kind == LARDER_ETCD_PUT_EVENT ? "put" : "delete", event->kv.key,
                   event->kv.value);
        }
    }
    fprintf(stderr, "%s\n", seen.message); /* compacted meanwhile, or refused: the watch has ended */
    larder_etcd_events_free(&seen);
    larder_etcd_watch_free(watch);
    larder_etcd_free(etcd);
    return 1;
}
