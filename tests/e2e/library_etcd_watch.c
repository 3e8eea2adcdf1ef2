/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: `watch ENDPOINTS` tries all that one can say; `watch ENDPOINTS progress` waits for the
 * server to say how far it has come; `watch ENDPOINTS COUNT` writes so many keys and watches them, and tells when it is half way, so
 * that the test can do harm meanwhile. */
#include <poll.h>
#include <pthread.h>

#include "library_etcd.h"

enum { WAIT_MS = 20000 };

static const struct larder_etcd_span prefix = {.key = "w/", .key_size = 2, .which = LARDER_ETCD_PREFIX};

static struct larder_etcd_watch *open_watch(struct larder_etcd *client,
                                            const struct larder_etcd_watch_options *options) {
    struct larder_etcd_watch *watch = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_etcd_watch_new(client, &prefix, options, &watch, why) != LARDER_DONE) {
        fprintf(stderr, "watch: %s\n", why);
        exit(4);
    }
    return watch;
}

static int64_t put(struct larder_etcd *client, const char *key, const char *value) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    int64_t revision;

    EXPECT(larder_etcd_put(client, key, strlen(key), value, strlen(value), 0, &result) == LARDER_STORED);
    revision = result.revision;
    larder_etcd_result_free(&result);
    return revision;
}

/* What a watch has told and what of it was looked at. */
struct told {
    struct larder_etcd_watch *watch;
    struct larder_etcd_events events;
    size_t next;
};

static struct larder_etcd_event next(struct told *told) {
    struct larder_etcd_events *events = &told->events;

    while (told->next == events->count) {
        told->next = 0;
        if (larder_etcd_watch_next(told->watch, WAIT_MS, events) != LARDER_DONE) {
            fprintf(stderr, "next: %s\n", events->message);
            exit(5);
        }
    }
    return events->events[told->next++];
}

static void end(struct told *told) {
    larder_etcd_watch_free(told->watch);
    larder_etcd_events_free(&told->events);
}

static void now_and_then(struct larder_etcd *client) {
    struct larder_etcd_events result = LARDER_ETCD_EVENTS_INIT;
    int64_t before = put(client, "w/a", "1");
    struct larder_etcd_watch_options since = {.start_revision = before, .want_previous = true};
    struct told now = {.watch = open_watch(client, NULL)}, past = {.watch = open_watch(client, &since)};
    struct larder_etcd_event event;
    int64_t at;

    EXPECT(larder_etcd_watch_next(now.watch, 0, &result) == LARDER_NOTHING && result.count == 0);
    EXPECT(larder_etcd_watch_next(now.watch, 50, &result) == LARDER_NOTHING && result.message[0] == '\0');
    put(client, "v/a", "elsewhere");
    at = put(client, "w/a", "2");
    event = next(&now);
    EXPECT(event.kind == LARDER_ETCD_PUT_EVENT && event.kv.mod_revision == at && now.events.revision == at);
    EXPECT(strcmp(event.kv.value, "2") == 0 && event.kv.version == 2 && !event.has_previous);
    event = next(&past);
    EXPECT(event.kv.mod_revision == before && strcmp(event.kv.value, "1") == 0);
    event = next(&past);
    EXPECT(event.has_previous && strcmp(event.previous.value, "1") == 0 && event.previous.mod_revision == before);
    EXPECT(larder_etcd_delete(client, "w/a", 3, NULL) == LARDER_DELETED);
    event = next(&now);
    EXPECT(event.kind == LARDER_ETCD_DELETE_EVENT && strcmp(event.kv.key, "w/a") == 0 && event.kv.value_size == 0);
    end(&now);
    end(&past);
    larder_etcd_events_free(&result);
}

static void filters_and_poll(struct larder_etcd *client) {
    struct larder_etcd_events result = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_watch_options deletes = {.no_put = true};
    struct told told = {.watch = open_watch(client, &deletes)};
    struct pollfd fd = {.fd = larder_etcd_watch_fd(told.watch), .events = POLLIN};

    while (larder_etcd_watch_next(told.watch, 0, &result) != LARDER_NOTHING) {
    }
    EXPECT(poll(&fd, 1, 0) == 0);
    put(client, "w/b", "1");
    EXPECT(larder_etcd_delete(client, "w/b", 3, NULL) == LARDER_DELETED);
    EXPECT(poll(&fd, 1, WAIT_MS) == 1);
    EXPECT(next(&told).kind == LARDER_ETCD_DELETE_EVENT);
    while (larder_etcd_watch_next(told.watch, 0, &result) != LARDER_NOTHING) {
        EXPECT(result.count == 0);
    }
    EXPECT(poll(&fd, 1, 0) == 0);
    end(&told);
    larder_etcd_events_free(&result);
}

static void compacted(struct larder_etcd *client) {
    struct larder_etcd_events result = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_watch_options past = {.start_revision = 1};
    struct larder_etcd_op compact = {.kind = LARDER_ETCD_COMPACT, .compact = {.revision = put(client, "w/c", "1")}};
    struct larder_etcd_watch *watch;

    EXPECT(larder_etcd_run(client, &compact, NULL, NULL) == LARDER_DONE);
    watch = open_watch(client, &past);
    EXPECT(larder_etcd_watch_next(watch, WAIT_MS, &result) == LARDER_ERR_COMPACTED);
    EXPECT(result.compact_revision == compact.compact.revision && result.message[0] != '\0');
    EXPECT(larder_etcd_watch_next(watch, WAIT_MS, &result) == LARDER_ERR_ENDED);
    larder_etcd_watch_free(watch);
    larder_etcd_events_free(&result);
}

/* --- with harm done --- */

struct writer {
    struct larder_etcd *client;
    int count;
};

static void *write_all(void *ctx) {
    const struct writer *w = ctx;
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_how how = {.retry_unknown = true};
    char key[32];

    for (int i = 0; i < w->count; i++) {
        struct larder_etcd_op op = {.kind = LARDER_ETCD_PUT, .put = {.key = key, .value = "v", .value_size = 1}};

        op.put.key_size = (size_t)snprintf(key, sizeof(key), "w/%06d", i);
        EXPECT(larder_etcd_run(w->client, &op, &how, &result) == LARDER_STORED);
        if (i == w->count / 2) {
            say("half");
            await_word();
        }
    }
    larder_etcd_result_free(&result);
    return NULL;
}

/* Each key comes, in order; twice only what was put twice because its answer was lost. */
static void watch_all(struct larder_etcd_watch *watch, int count) {
    struct larder_etcd_events result = LARDER_ETCD_EVENTS_INIT;
    int64_t last = 0;
    int seen = -1;

    while (seen < count - 1) {
        EXPECT(larder_etcd_watch_next(watch, WAIT_MS, &result) == LARDER_DONE);
        if (failed) {
            fprintf(stderr, "after key %d\n", seen);
            break;
        }
        for (size_t i = 0; i < result.count; i++) {
            const struct larder_etcd_kv *kv = &result.events[i].kv;
            int number = atoi(kv->key + 2);

            EXPECT(kv->mod_revision > last && (number == seen + 1 || (number == seen && kv->version > 1)));
            last = kv->mod_revision;
            seen = number;
        }
    }
    larder_etcd_events_free(&result);
}

static void under_harm(struct larder_etcd *client, int count) {
    struct larder_etcd_watch *watch = open_watch(client, NULL);
    struct writer writer = {.client = client, .count = count};
    pthread_t thread;

    pthread_create(&thread, NULL, write_all, &writer);
    watch_all(watch, count);
    pthread_join(thread, NULL);
    larder_etcd_watch_free(watch);
}

/* What happens elsewhere moves the revision, and the watch is told how far it has come although there was nothing for it. */
static void progress(struct larder_etcd *client) {
    struct larder_etcd_events result = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_watch *watch = open_watch(client, NULL);
    int64_t at = put(client, "v/a", "elsewhere");

    do {
        EXPECT(larder_etcd_watch_next(watch, WAIT_MS, &result) == LARDER_DONE && result.count == 0);
    } while (!failed && result.revision < at);
    EXPECT(result.revision == at);
    larder_etcd_watch_free(watch);
    larder_etcd_events_free(&result);
}

int main(int argc, char **argv) {
    struct larder_etcd *client = open_client(argv[1]);

    if (argc > 2 && strcmp(argv[2], "progress") == 0) {
        progress(client);
    } else if (argc > 2) {
        under_harm(client, atoi(argv[2]));
    } else {
        now_and_then(client);
        filters_and_poll(client);
        compacted(client);
    }
    larder_etcd_free(client);
    return failed;
}
