/* SPDX-License-Identifier: Apache-2.0 */
/* The near cache: `near ENDPOINTS` tries what it says, `near ENDPOINTS progress` of servers whose watches tell of progress; `near
 * ENDPOINTS hits COUNT` reads a key from memory so often between two system calls that a test can see (getppid), after it was read
 * until it is there; `near ENDPOINTS follow KEY` tells each value of KEY that it reads and that is new, until that is "end". */
#include <larder/near.h>
#include <pthread.h>
#include <unistd.h>

#include "library_etcd.h"

enum { TURNS = 200, PROOFS = 20, THREADS = 4 };

static struct larder_near *open_near(const char *endpoints, const struct larder_near_options *options) {
    struct larder_etcd_options etcd = {.size = sizeof(etcd), .log = on_log};
    struct larder_near *near = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_near_new(endpoints, &etcd, options, &near, why) != LARDER_DONE) {
        fprintf(stderr, "%s\n", why);
        exit(2);
    }
    return near;
}

static int says(const struct larder_near_value *value, const char *wanted) {
    return value->value_size == strlen(wanted) && memcmp(value->value, wanted, value->value_size) == 0;
}

/* Reads until the answer comes from memory. */
static enum larder_status read_until_kept(struct larder_near *near, const char *key, struct larder_near_value *result) {
    enum larder_status status;

    do {
        status = larder_near_get(near, key, strlen(key), LARDER_NEAR_CACHED, 0, result);
        EXPECT_WITH(status >= 0, result->message);
    } while (!failed && !result->from_memory);
    return status;
}

/* What another client has written and was told is there when a linearizable read begins, and own writes are seen at once. */
static void never_old(struct larder_near *near, struct larder_etcd *other) {
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    int64_t newest = 0;
    char number[16];

    EXPECT(larder_near_get(near, "near/a", 6, LARDER_NEAR_LINEARIZABLE, 0, &result) == LARDER_MISS);
    EXPECT(read_until_kept(near, "near/a", &result) == LARDER_MISS);
    for (int i = 0; i < TURNS && !failed; i++) {
        struct larder_etcd *writer = i % 2 == 0 ? other : larder_near_etcd(near);

        snprintf(number, sizeof(number), "%d", i);
        EXPECT(larder_etcd_put(writer, "near/a", 6, number, strlen(number), 0, NULL) == LARDER_STORED);
        if (i % 2 != 0) {
            EXPECT(larder_near_get(near, "near/a", 6, LARDER_NEAR_CACHED, 0, &result) == LARDER_HIT);
            EXPECT(says(&result, number));
        }
        EXPECT(larder_near_get(near, "near/a", 6, LARDER_NEAR_LINEARIZABLE, 0, &result) == LARDER_HIT);
        EXPECT(says(&result, number) && result.mod_revision > newest && result.revision >= result.mod_revision);
        newest = result.mod_revision;
        EXPECT(larder_near_get(near, "near/a", 6, LARDER_NEAR_MAX_STALE, 1000, &result) == LARDER_HIT);
        EXPECT(result.mod_revision == newest && result.age_ns >= 0 && result.age_ns <= 1000000000);
    }
    EXPECT(larder_etcd_delete(other, "near/a", 6, NULL) == LARDER_DELETED);
    EXPECT(larder_near_get(near, "near/a", 6, LARDER_NEAR_LINEARIZABLE, 0, &result) == LARDER_MISS);
    larder_near_value_free(&result);
}

static void bad_wishes(struct larder_near *near, const char *endpoints) {
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    struct larder_key twice[2] = {{"a/", 2}, {"a/b", 3}};
    struct larder_near_options options = {.size = sizeof(options), .prefixes = twice, .prefix_count = 2};
    struct larder_near *none;

    EXPECT(larder_near_new(endpoints, NULL, &options, &none, result.message) == LARDER_ERR_INVALID);
    EXPECT(larder_near_get(near, "", 0, LARDER_NEAR_CACHED, 0, &result) == LARDER_ERR_KEY);
    EXPECT(larder_near_get(near, "k", 1, LARDER_NEAR_MAX_STALE, 0, &result) == LARDER_ERR_INVALID);
    larder_near_value_free(&result);
}

/* A ceiling of 1 MiB, and values of 8 MiB that all are read. */
static void bounded(const char *endpoints) {
    struct larder_near_options options = {.size = sizeof(options), .memory = 1 << 20};
    struct larder_near *near = open_near(endpoints, &options);
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    struct larder_near_figures figures;
    static char text[64 << 10];
    char key[32];

    for (int i = 0; i < 128 && !failed; i++) {
        size_t size = (size_t)snprintf(key, sizeof(key), "near/large/%d", i);

        EXPECT(larder_etcd_put(larder_near_etcd(near), key, size, text, sizeof(text), 0, NULL) == LARDER_STORED);
        EXPECT(larder_near_get(near, key, size, LARDER_NEAR_LINEARIZABLE, 0, &result) == LARDER_HIT);
        EXPECT(result.value_size == sizeof(text));
    }
    larder_near_get_figures(near, &figures);
    EXPECT(figures.bytes <= 1 << 20 && figures.evictions > 0 && figures.keys > 0 && figures.differences == 0);
    larder_near_value_free(&result);
    larder_near_free(near);
}

/* Mirrored prefixes: lists come from memory too. Keys beside them are asked for. */
static void mirrored(const char *endpoints, struct larder_etcd *other) {
    struct larder_key prefixes[2] = {{"near/m/", 7}, {"near/n/", 7}};
    struct larder_near_options options = {
        .size = sizeof(options), .prefixes = prefixes, .prefix_count = 2, .mirror = true};
    struct larder_near *near = open_near(endpoints, &options);
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_near_value value = LARDER_NEAR_VALUE_INIT;
    struct larder_near_figures before, after;

    EXPECT(larder_etcd_put(other, "near/m/1", 8, "1", 1, 0, NULL) == LARDER_STORED);
    EXPECT(larder_etcd_put(other, "near/o", 6, "1", 1, 0, NULL) == LARDER_STORED);
    read_until_kept(near, "near/m/1", &value); /* an absent one beside it is known then as well */
    read_until_kept(near, "near/m/absent", &value);
    larder_near_get_figures(near, &before);
    EXPECT(larder_etcd_put(other, "near/m/2", 8, "2", 1, 0, NULL) == LARDER_STORED);
    EXPECT(larder_etcd_list(larder_near_etcd(near), "near/m/", 7, 0, &result) == LARDER_DONE);
    EXPECT(result.answer.kv_count == 2 && strcmp(result.answer.kvs[1].value, "2") == 0);
    larder_near_get_figures(near, &after);
    EXPECT(after.memory_reads > before.memory_reads);
    EXPECT(larder_near_get(near, "near/o", 6, LARDER_NEAR_CACHED, 0, &value) == LARDER_HIT && !value.from_memory);
    EXPECT(larder_near_get(near, "near/o", 6, LARDER_NEAR_CACHED, 0, &value) == LARDER_HIT && !value.from_memory);
    larder_near_value_free(&value);
    larder_etcd_result_free(&result);
    larder_near_free(near);
}

/* Watched prefixes alone: what happens elsewhere is no event. That nothing is missing nevertheless is proven by progress where that
 * can be believed, and then memory answers; else the key is asked for. */
static void of_prefixes(const char *endpoints, struct larder_etcd *other, int progress) {
    struct larder_key prefix = {"near/p/", 7};
    struct larder_near_options options = {
        .size = sizeof(options), .prefixes = &prefix, .prefix_count = 1, .watch_prefixes = true};
    struct larder_near *near = open_near(endpoints, &options);
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    struct larder_etcd_result put = LARDER_ETCD_RESULT_INIT;
    struct larder_near_figures figures;

    EXPECT(larder_etcd_put(other, "near/p/a", 8, "1", 1, 0, NULL) == LARDER_STORED);
    EXPECT(read_until_kept(near, "near/p/a", &result) == LARDER_HIT);
    for (int i = 0; i < PROOFS && !failed; i++) {
        EXPECT(larder_etcd_put(other, "near/o", 6, "1", 1, 0, &put) == LARDER_STORED);
        EXPECT(larder_near_get(near, "near/p/a", 8, LARDER_NEAR_LINEARIZABLE, 0, &result) == LARDER_HIT);
        EXPECT(says(&result, "1") && result.revision >= put.revision);
    }
    larder_near_get_figures(near, &figures);
    EXPECT(!progress || figures.memory_reads > PROOFS / 2);
    EXPECT(larder_etcd_put(other, "near/p/a", 8, "2", 1, 0, NULL) == LARDER_STORED);
    EXPECT(larder_near_get(near, "near/p/a", 8, LARDER_NEAR_LINEARIZABLE, 0, &result) == LARDER_HIT);
    EXPECT(says(&result, "2"));
    larder_etcd_result_free(&put);
    larder_near_value_free(&result);
    larder_near_free(near);
}

/* A near cache is a client as any other is. */
static void as_client(struct larder_near *near) {
    struct larder_etcd *client = larder_near_etcd(near);
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_events events = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_span span = {.key = "near/w", .key_size = 6};
    struct larder_etcd_lease *lease = NULL;
    struct larder_etcd_watch *watch = NULL;
    struct larder_etcd_lock *lock = NULL;

    EXPECT(larder_etcd_watch_new(client, &span, NULL, &watch, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_lease_keep(client, 5, 0, NULL, NULL, &lease, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_lock_take(lease, "near/lock", 9, 0, &lock, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_put(client, "near/w", 6, "1", 1, larder_etcd_lease_id(lease), NULL) == LARDER_STORED);
    while (!failed && events.count == 0) {
        EXPECT(larder_etcd_watch_next(watch, 20000, &events) == LARDER_DONE);
    }
    EXPECT(events.count == 1 && events.events[0].kv.lease == larder_etcd_lease_id(lease));
    EXPECT(larder_etcd_lock_release(lock, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_lease_end(lease, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_get(client, "near/w", 6, &result) == LARDER_MISS);
    larder_etcd_watch_free(watch);
    larder_etcd_events_free(&events);
    larder_etcd_result_free(&result);
}

/* No thread sees a key go back. */
static void *read_forward(void *ctx) {
    struct larder_near *near = ctx;
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    int64_t newest = 0;

    do {
        enum larder_status status = larder_near_get(near, "near/t", 6, LARDER_NEAR_CACHED, 0, &result);

        EXPECT(status == LARDER_MISS || status == LARDER_HIT);
        EXPECT(result.mod_revision >= newest);
        newest = result.mod_revision;
    } while (!failed && !says(&result, "end"));
    larder_near_value_free(&result);
    return NULL;
}

static void many_threads(struct larder_near *near, struct larder_etcd *other) {
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, read_forward, near);
    }
    for (int i = 0; i <= TURNS; i++) {
        EXPECT_WITH(larder_etcd_put(other, "near/t", 6, i < TURNS ? "go on" : "end", i < TURNS ? 5 : 3, 0, NULL) ==
                        LARDER_STORED,
                    "put");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void hits(const char *endpoints, int count) {
    struct larder_near *near = open_near(endpoints, NULL);
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    int elsewhere = 0;

    EXPECT(larder_etcd_put(larder_near_etcd(near), "near/h", 6, "1", 1, 0, NULL) == LARDER_STORED);
    EXPECT(read_until_kept(near, "near/h", &result) == LARDER_HIT);
    (void)getppid();
    for (int i = 0; i < count; i++) {
        (void)larder_near_get(near, "near/h", 6, LARDER_NEAR_CACHED, 0, &result);
        elsewhere += !result.from_memory || result.status != LARDER_HIT;
        (void)larder_near_get(near, "near/h", 6, LARDER_NEAR_MAX_STALE, 60000, &result);
        elsewhere += !result.from_memory || result.status != LARDER_HIT;
    }
    (void)getppid();
    EXPECT_WITH(elsewhere == 0, "all of them are hits");
    larder_near_value_free(&result);
    larder_near_free(near);
}

/* While members die: a value that was told may not be followed by an older one. */
static void follow(const char *endpoints, const char *key) {
    struct larder_near *near = open_near(endpoints, NULL);
    struct larder_near_value result = LARDER_NEAR_VALUE_INIT;
    int64_t newest = 0;

    do {
        enum larder_status status = larder_near_get(near, key, strlen(key), LARDER_NEAR_CACHED, 0, &result);

        if (status == LARDER_HIT) {
            EXPECT(result.mod_revision >= newest);
            if (result.mod_revision > newest) {
                printf("%.*s\n", (int)result.value_size, result.value);
                fflush(stdout);
            }
            newest = result.mod_revision;
        }
    } while (!failed && !says(&result, "end"));
    larder_near_value_free(&result);
    larder_near_free(near);
}

int main(int argc, char **argv) {
    struct larder_etcd *other;
    struct larder_near *near;

    if (argc > 3) {
        strcmp(argv[2], "hits") == 0 ? hits(argv[1], atoi(argv[3])) : follow(argv[1], argv[3]);
        return failed;
    }
    other = open_client(argv[1]);
    near = open_near(argv[1], NULL);
    never_old(near, other);
    bad_wishes(near, argv[1]);
    as_client(near);
    many_threads(near, other);
    larder_near_free(near);
    larder_near_free(NULL);
    bounded(argv[1]);
    mirrored(argv[1], other);
    of_prefixes(argv[1], other, argc > 2);
    larder_etcd_free(other);
    return failed;
}
