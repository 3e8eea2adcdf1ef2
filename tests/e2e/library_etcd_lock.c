/* SPDX-License-Identifier: Apache-2.0 */
/* Locks and elections: `lock ENDPOINTS` tries all that one can say; `lock ENDPOINTS hold NAME` holds a lock until the test says
 * to give it back; `lock ENDPOINTS count THREADS TURNS` counts in a key, under a lock, what would go wrong without one. */
#include <pthread.h>

#include "library_etcd.h"

enum { TTL = 5, SHORT_TTL = 2, WAIT_MS = 30000, THREADS_MAX = 32 };

static struct larder_etcd_lease *keep_for(struct larder_etcd *client, int64_t ttl) {
    struct larder_etcd_lease *lease = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_etcd_lease_keep(client, ttl, 0, NULL, NULL, &lease, why) != LARDER_DONE) {
        fprintf(stderr, "keep: %s\n", why);
        exit(4);
    }
    return lease;
}

static struct larder_etcd_lease *keep(struct larder_etcd *client) {
    return keep_for(client, TTL);
}

static void give_back(struct larder_etcd_lease *lease) {
    char why[LARDER_MESSAGE_MAX];

    EXPECT_WITH(larder_etcd_lease_end(lease, why) == LARDER_DONE, why);
}

/* --- a lock --- */

struct waiting {
    struct larder_etcd_lease *lease;
    const char *name;
    enum larder_status status;
    struct larder_etcd_lock *lock;
};

static void *wait_for_lock(void *ctx) {
    struct waiting *w = ctx;

    w->status = larder_etcd_lock_take(w->lease, w->name, strlen(w->name), LARDER_ETCD_FOREVER, &w->lock, NULL);
    return NULL;
}

/* Until so many stand in the line. */
static void await_line(struct larder_etcd *client, const char *prefix, int64_t count) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;

    do {
        EXPECT(larder_etcd_list(client, prefix, strlen(prefix), 0, &result) == LARDER_DONE);
    } while (!failed && result.answer.count != count);
    larder_etcd_result_free(&result);
}

static void one_lock(struct larder_etcd *client) {
    struct larder_etcd_lease *lease = keep(client), *other = keep(client);
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_lock *lock, *second;
    struct waiting waiting = {.lease = other, .name = "lock/a"};
    int64_t revision;
    pthread_t thread;
    char key[64];
    size_t size;

    EXPECT(larder_etcd_lock_take(lease, "", 0, 0, &lock, result.message) == LARDER_ERR_KEY);
    EXPECT(larder_etcd_lock_take(lease, "lock/a", 6, 0, &lock, result.message) == LARDER_DONE);
    snprintf(key, sizeof(key), "lock/a/%llx", (unsigned long long)larder_etcd_lease_id(lease));
    EXPECT(strcmp(larder_etcd_lock_key(lock, &size), key) == 0 && size == strlen(key));
    EXPECT(larder_etcd_get(client, key, size, &result) == LARDER_HIT);
    revision = larder_etcd_lock_revision(lock);
    EXPECT(result.answer.kvs[0].create_revision == revision && result.answer.kvs[0].value_size == 0);
    EXPECT(result.answer.kvs[0].lease == larder_etcd_lease_id(lease) && larder_etcd_lock_status(lock) == LARDER_DONE);
    EXPECT(larder_etcd_lock_take(lease, "lock/a", 6, 0, &second, result.message) == LARDER_ERR_BUSY);
    EXPECT(larder_etcd_lock_take(other, "lock/a", 6, 0, &second, result.message) == LARDER_TAKEN);
    EXPECT(larder_etcd_lock_take(other, "lock/a", 6, 50, &second, result.message) == LARDER_TAKEN);
    await_line(client, "lock/a/", 1); /* who did not get it has left nothing */
    EXPECT(larder_etcd_lock_take(lease, "lock/b", 6, 0, &second, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_lock_release(second, result.message) == LARDER_DONE);

    pthread_create(&thread, NULL, wait_for_lock, &waiting);
    await_line(client, "lock/a/", 2);
    EXPECT(larder_etcd_lock_release(lock, result.message) == LARDER_DONE);
    pthread_join(thread, NULL);
    EXPECT(waiting.status == LARDER_DONE && larder_etcd_lock_revision(waiting.lock) > revision);
    EXPECT(larder_etcd_lock_release(waiting.lock, result.message) == LARDER_DONE);
    await_line(client, "lock/a/", 0);
    EXPECT(larder_etcd_lock_release(NULL, result.message) == LARDER_DONE);
    give_back(lease);
    give_back(other);
    larder_etcd_result_free(&result);
}

/* Who waits hears that its lease is gone, and who holds does. */
static void lost_locks(struct larder_etcd *client) {
    struct larder_etcd_lease *lease = keep(client), *other = keep(client);
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct waiting waiting = {.lease = other, .name = "lock/c"};
    struct larder_etcd_lock *lock;
    pthread_t thread;

    EXPECT(larder_etcd_lock_take(lease, "lock/c", 6, 0, &lock, result.message) == LARDER_DONE);
    pthread_create(&thread, NULL, wait_for_lock, &waiting);
    await_line(client, "lock/c/", 2);
    EXPECT(larder_etcd_lease_revoke(client, larder_etcd_lease_id(other), NULL) == LARDER_DONE);
    pthread_join(thread, NULL);
    EXPECT(waiting.status == LARDER_ERR_LOST);
    EXPECT(larder_etcd_delete(client, larder_etcd_lock_key(lock, NULL), strlen(larder_etcd_lock_key(lock, NULL)),
                              NULL) == LARDER_DELETED);
    EXPECT(larder_etcd_lock_release(lock, result.message) == LARDER_ERR_LOST);
    EXPECT(larder_etcd_lease_end(other, result.message) == LARDER_NOT_FOUND);
    give_back(lease);
    larder_etcd_result_free(&result);
}

/* --- an election --- */

struct candidate {
    struct larder_etcd_lease *lease;
    struct larder_etcd_leadership *leadership;
    enum larder_status status;
};

static void *stand(void *ctx) {
    struct candidate *c = ctx;

    c->status = larder_etcd_campaign(c->lease, "elect/a", 7, "b", 1, LARDER_ETCD_FOREVER, &c->leadership, NULL);
    return NULL;
}

static int says(const struct larder_etcd_result *result, const char *value) {
    return result->answer.kv_count == 1 && strcmp(result->answer.kvs[0].value, value) == 0;
}

static void one_election(struct larder_etcd *client) {
    struct candidate a = {.lease = keep(client)}, b = {.lease = keep(client)};
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_observer *observer;
    pthread_t thread;

    EXPECT(larder_etcd_leader(client, "elect/a", 7, &result) == LARDER_MISS);
    EXPECT(larder_etcd_observe(client, "elect/a", 7, &observer, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_observe_next(observer, WAIT_MS, &result) == LARDER_MISS);
    EXPECT(larder_etcd_observe_next(observer, 50, &result) == LARDER_NOTHING);
    EXPECT(larder_etcd_campaign(a.lease, "elect/a", 7, "a", 1, 0, &a.leadership, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_leader(client, "elect/a", 7, &result) == LARDER_HIT && says(&result, "a"));
    EXPECT(strcmp(result.answer.kvs[0].key, larder_etcd_leadership_key(a.leadership, NULL)) == 0);
    EXPECT(larder_etcd_observe_next(observer, WAIT_MS, &result) == LARDER_HIT && says(&result, "a"));
    EXPECT(larder_etcd_campaign(b.lease, "elect/a", 7, "b", 1, 0, &b.leadership, result.message) == LARDER_TAKEN);
    EXPECT(larder_etcd_proclaim(a.leadership, "a1", 2, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_proclaim(a.leadership, "a2", 2, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_observe_next(observer, WAIT_MS, &result) == LARDER_HIT && says(&result, "a1"));
    EXPECT(larder_etcd_observe_next(observer, WAIT_MS, &result) == LARDER_HIT && says(&result, "a2"));

    pthread_create(&thread, NULL, stand, &b);
    await_line(client, "elect/a/", 2);
    EXPECT(larder_etcd_leadership_status(a.leadership) == LARDER_DONE);
    EXPECT(larder_etcd_resign(a.leadership, result.message) == LARDER_DONE);
    pthread_join(thread, NULL);
    EXPECT(b.status == LARDER_DONE && larder_etcd_leadership_revision(b.leadership) > 0);
    EXPECT(larder_etcd_observe_next(observer, WAIT_MS, &result) == LARDER_HIT && says(&result, "b"));
    EXPECT(larder_etcd_lease_revoke(client, larder_etcd_lease_id(b.lease), NULL) == LARDER_DONE);
    EXPECT(larder_etcd_observe_next(observer, WAIT_MS, &result) == LARDER_MISS);
    EXPECT(larder_etcd_proclaim(b.leadership, "b1", 2, result.message) == LARDER_ERR_LOST);
    EXPECT(larder_etcd_resign(b.leadership, result.message) == LARDER_ERR_LOST);
    larder_etcd_observe_free(observer);
    EXPECT(larder_etcd_lease_end(b.lease, result.message) == LARDER_NOT_FOUND);
    give_back(a.lease);
    larder_etcd_result_free(&result);
}

/* --- with others --- */

static void hold(struct larder_etcd *client, const char *name) {
    struct larder_etcd_lease *lease = keep_for(client, SHORT_TTL);
    struct larder_etcd_lock *lock = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    EXPECT_WITH(larder_etcd_lock_take(lease, name, strlen(name), WAIT_MS, &lock, why) == LARDER_DONE, why);
    if (!failed) {
        say("held");
        await_word();
        EXPECT_WITH(larder_etcd_lock_release(lock, why) == LARDER_DONE, why);
    }
    give_back(lease);
}

struct counting {
    struct larder_etcd *client;
    int turns;
};

/* Reads the number and writes the next one: nobody else may do so in between. */
static void count_once(struct larder_etcd *client, struct larder_etcd_lease *lease) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_how how = {.retry_unknown = true};
    char number[32];
    struct larder_etcd_op put = {.kind = LARDER_ETCD_PUT, .put = {.key = "counter", .key_size = 7, .value = number}};
    struct larder_etcd_lock *lock;
    enum larder_status status;

    EXPECT(larder_etcd_lock_take(lease, "lock/count", 10, WAIT_MS, &lock, result.message) == LARDER_DONE);
    if (failed) {
        return;
    }
    status = larder_etcd_get(client, "counter", 7, &result);
    EXPECT(status == LARDER_HIT || status == LARDER_MISS);
    put.put.value_size = (size_t)snprintf(number, sizeof(number), "%d",
                                          1 + (status == LARDER_HIT ? atoi(result.answer.kvs[0].value) : 0));
    EXPECT(larder_etcd_run(client, &put, &how, &result) == LARDER_STORED);
    EXPECT(larder_etcd_lock_release(lock, result.message) == LARDER_DONE);
    larder_etcd_result_free(&result);
}

static void *count_all(void *ctx) {
    const struct counting *c = ctx;
    struct larder_etcd_lease *lease = keep(c->client);

    for (int i = 0; i < c->turns && !failed; i++) {
        count_once(c->client, lease);
    }
    give_back(lease);
    return NULL;
}

static void count(struct larder_etcd *client, int threads, int turns) {
    struct counting counting = {.client = client, .turns = turns};
    pthread_t made[THREADS_MAX];

    for (int i = 0; i < threads; i++) {
        pthread_create(&made[i], NULL, count_all, &counting);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(made[i], NULL);
    }
}

int main(int argc, char **argv) {
    struct larder_etcd *client = open_client(argv[1]);

    if (argc == 2) {
        one_lock(client);
        lost_locks(client);
        one_election(client);
    } else if (strcmp(argv[2], "hold") == 0) {
        hold(client, argv[3]);
    } else {
        count(client, atoi(argv[3]), atoi(argv[4]));
    }
    larder_etcd_free(client);
    return failed;
}
