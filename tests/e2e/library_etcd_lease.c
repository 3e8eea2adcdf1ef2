/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: `lease ENDPOINTS` tries all that one can say; `lease ENDPOINTS keep` keeps one and a key on it, until the test says that
 * it must be lost. */
#include <poll.h>
#include <stdatomic.h>

#include "library_etcd.h"

enum { WAIT_MS = 30000, TTL = 3 };

static void one_by_one(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    int64_t lease;
    int found = 0;

    EXPECT(larder_etcd_lease_grant(client, 0, 0, &result) == LARDER_ERR_INVALID);
    EXPECT(larder_etcd_lease_grant(client, 600, 0, &result) == LARDER_DONE && result.answer.ttl == 600);
    lease = result.answer.lease;
    EXPECT(lease > 0);
    EXPECT(larder_etcd_lease_grant(client, 600, lease, &result) == LARDER_ERR_LEASE_EXISTS);
    EXPECT(larder_etcd_put(client, "l/a", 3, "1", 1, lease, NULL) == LARDER_STORED);
    EXPECT(larder_etcd_lease_renew(client, lease, &result) == LARDER_DONE && result.answer.ttl == 600);
    EXPECT(larder_etcd_lease_ttl(client, lease, true, &result) == LARDER_DONE && result.answer.granted_ttl == 600);
    EXPECT(result.answer.ttl > 0 && result.answer.key_count == 1);
    EXPECT(result.answer.keys[0].size == 3 && memcmp(result.answer.keys[0].data, "l/a", 3) == 0);
    EXPECT(larder_etcd_lease_list(client, &result) == LARDER_DONE);
    for (size_t i = 0; i < result.answer.lease_count; i++) {
        found += result.answer.leases[i] == lease;
    }
    EXPECT(found == 1);
    EXPECT(larder_etcd_lease_revoke(client, lease, &result) == LARDER_DONE);
    EXPECT(larder_etcd_get(client, "l/a", 3, &result) == LARDER_MISS);
    EXPECT(larder_etcd_lease_revoke(client, lease, &result) == LARDER_NOT_FOUND);
    EXPECT(larder_etcd_lease_renew(client, lease, &result) == LARDER_NOT_FOUND);
    EXPECT(larder_etcd_lease_ttl(client, lease, false, &result) == LARDER_NOT_FOUND);
    larder_etcd_result_free(&result);
}

static void on_lost(void *ctx, int64_t lease) {
    atomic_store((_Atomic int64_t *)ctx, lease);
}

static struct larder_etcd_lease *keep(struct larder_etcd *client, int64_t number, _Atomic int64_t *lost) {
    struct larder_etcd_lease *lease = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_etcd_lease_keep(client, TTL, number, on_lost, (void *)lost, &lease, why) != LARDER_DONE) {
        fprintf(stderr, "keep: %s\n", why);
        exit(4);
    }
    return lease;
}

static void lost_when_revoked(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    _Atomic int64_t lost = 0, lost_too = 0;
    struct larder_etcd_lease *lease = keep(client, 0, &lost);
    struct larder_etcd_lease *same = keep(client, larder_etcd_lease_id(lease), &lost_too), *none;
    struct pollfd fd = {.fd = larder_etcd_lease_fd(lease), .events = POLLIN};
    struct pollfd other = {.fd = larder_etcd_lease_fd(same), .events = POLLIN};
    int64_t id = larder_etcd_lease_id(lease);

    EXPECT(larder_etcd_lease_id(same) == id && larder_etcd_lease_status(lease) == LARDER_DONE);
    EXPECT(poll(&fd, 1, 0) == 0);
    EXPECT(larder_etcd_lease_revoke(client, id, NULL) == LARDER_DONE);
    EXPECT(poll(&fd, 1, WAIT_MS) == 1 && poll(&other, 1, WAIT_MS) == 1);
    EXPECT(larder_etcd_lease_status(lease) == LARDER_ERR_LOST && larder_etcd_lease_status(same) == LARDER_ERR_LOST);
    larder_etcd_lease_free(same);
    EXPECT(atomic_load(&lost_too) == id);
    EXPECT(larder_etcd_lease_end(lease, result.message) == LARDER_NOT_FOUND && atomic_load(&lost) == id);
    EXPECT(larder_etcd_lease_keep(client, TTL, id, NULL, NULL, &none, result.message) == LARDER_ERR_NO_LEASE);
    lease = keep(client, 0, &lost);
    EXPECT(larder_etcd_put(client, "l/b", 3, "1", 1, larder_etcd_lease_id(lease), NULL) == LARDER_STORED);
    EXPECT(larder_etcd_lease_end(lease, result.message) == LARDER_DONE);
    EXPECT(larder_etcd_get(client, "l/b", 3, &result) == LARDER_MISS);
    larder_etcd_result_free(&result);
}

/* The key is there for longer than a lease lives by itself, and goes when the lease is let go of. */
static void kept_and_let_go(struct larder_etcd *client) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_events events = LARDER_ETCD_EVENTS_INIT;
    struct larder_etcd_span span = {.key = "l/c", .key_size = 3};
    struct larder_etcd_watch_options deletes = {.no_put = true};
    struct larder_etcd_watch *watch = NULL;
    _Atomic int64_t lost = 0;
    struct larder_etcd_lease *lease = keep(client, 0, &lost);
    struct pollfd fd = {.fd = larder_etcd_lease_fd(lease), .events = POLLIN};

    EXPECT(larder_etcd_put(client, "l/c", 3, "1", 1, larder_etcd_lease_id(lease), NULL) == LARDER_STORED);
    EXPECT(larder_etcd_watch_new(client, &span, &deletes, &watch, result.message) == LARDER_DONE);
    say("kept");
    await_word();
    EXPECT(poll(&fd, 1, TTL * 1000 + 1500) == 0);
    EXPECT(larder_etcd_lease_status(lease) == LARDER_DONE && atomic_load(&lost) == 0);
    EXPECT(larder_etcd_get(client, "l/c", 3, &result) == LARDER_HIT);
    larder_etcd_lease_free(lease);
    while (events.count == 0) {
        EXPECT(larder_etcd_watch_next(watch, WAIT_MS, &events) == LARDER_DONE);
        if (failed) {
            break;
        }
    }
    larder_etcd_watch_free(watch);
    larder_etcd_events_free(&events);
    larder_etcd_result_free(&result);
}

/* The cluster goes away for ever: the lease is lost by the clock here. */
static void lost_with_the_cluster(struct larder_etcd *client) {
    _Atomic int64_t lost = 0;
    struct larder_etcd_lease *lease = keep(client, 0, &lost);
    struct pollfd fd = {.fd = larder_etcd_lease_fd(lease), .events = POLLIN};

    say("kept");
    await_word();
    EXPECT_WITH(poll(&fd, 1, WAIT_MS) == 1, "it is lost");
    EXPECT_WITH(larder_etcd_lease_status(lease) == LARDER_ERR_LOST, "it is lost");
    larder_etcd_lease_free(lease);
    EXPECT_WITH(atomic_load(&lost) != 0, "it was told");
}

int main(int argc, char **argv) {
    struct larder_etcd *client = open_client(argv[1]);

    if (argc == 2) {
        one_by_one(client);
        lost_when_revoked(client);
    } else if (strcmp(argv[2], "keep") == 0) {
        kept_and_let_go(client);
    } else {
        lost_with_the_cluster(client);
    }
    larder_etcd_free(client);
    return failed;
}
