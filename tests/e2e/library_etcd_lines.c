/* SPDX-License-Identifier: Apache-2.0 */
/* Locks and elections in a loop around poll, in which nobody waits: `lines ENDPOINTS`. */
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "library_etcd.h"

enum { CROWD = 20, TTL = 30, WAIT_MS = 30000 };

static struct larder_etcd_lease *keep(struct larder_etcd *client) {
    struct larder_etcd_lease *lease = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    if (larder_etcd_lease_keep(client, TTL, 0, NULL, NULL, &lease, why) != LARDER_DONE) {
        fprintf(stderr, "keep: %s\n", why);
        exit(4);
    }
    return lease;
}

static void give_back(struct larder_etcd_lease *lease) {
    char why[LARDER_MESSAGE_MAX];

    EXPECT_WITH(larder_etcd_lease_end(lease, why) == LARDER_DONE, why);
}

/* Until so many stand in the line. */
static void await_line(struct larder_etcd *client, const char *prefix, int64_t count) {
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;

    do {
        EXPECT(larder_etcd_list(client, prefix, strlen(prefix), 0, &result) == LARDER_DONE);
    } while (!failed && result.answer.count != count);
    larder_etcd_result_free(&result);
}

static struct larder_etcd_locking *stand(struct larder_etcd_lease *lease, const char *name) {
    struct larder_etcd_locking *locking = NULL;
    char why[LARDER_MESSAGE_MAX] = "";

    EXPECT_WITH(larder_etcd_lock_begin(lease, name, strlen(name), &locking, why) == LARDER_DONE, why);
    return locking;
}

/* Polls until there is something, whatever it is. */
static enum larder_status await_lock(struct larder_etcd_locking *locking, struct larder_etcd_lock **ret_lock,
                                     char *why) {
    struct pollfd fd = {.fd = larder_etcd_locking_fd(locking), .events = POLLIN};
    enum larder_status status;

    while ((status = larder_etcd_locking_next(locking, ret_lock, why)) == LARDER_NOTHING) {
        EXPECT_WITH(poll(&fd, 1, WAIT_MS) == 1, "poll");
        if (failed) {
            exit(5);
        }
    }
    return status;
}

static void release(struct larder_etcd_lock *lock) {
    char why[LARDER_MESSAGE_MAX];

    EXPECT_WITH(larder_etcd_lock_release(lock, why) == LARDER_DONE, why);
}

/* --- many want one lock --- */

static struct {
    struct larder_etcd_lease *leases[CROWD];
    struct larder_etcd_locking *lockings[CROWD];
    struct larder_etcd_lock *held;
    int64_t revision; /* of the last who held it */
    int done;
} crowd;

/* Holds it until the next turn of the loop, so that others find it taken. */
static void hold(struct larder_etcd_lock *lock) {
    EXPECT_WITH(crowd.held == NULL, "two hold it");
    EXPECT_WITH(larder_etcd_lock_status(lock) == LARDER_DONE, "the lease lives");
    EXPECT_WITH(larder_etcd_lock_revision(lock) > crowd.revision, "later ones come later");
    crowd.revision = larder_etcd_lock_revision(lock);
    crowd.held = lock;
    crowd.done++;
}

static void look(int i) {
    struct larder_etcd_lock *lock = NULL;
    char why[LARDER_MESSAGE_MAX] = "";
    enum larder_status status = larder_etcd_locking_next(crowd.lockings[i], &lock, why);

    EXPECT_WITH(status == LARDER_DONE || status == LARDER_NOTHING, why);
    if (status == LARDER_DONE) {
        larder_etcd_locking_free(crowd.lockings[i]);
        crowd.lockings[i] = NULL;
        hold(lock);
    }
}

static void turn(void) {
    struct larder_etcd_lock *held = crowd.held;
    struct pollfd fds[CROWD];

    for (int i = 0; i < CROWD; i++) {
        bool waits = crowd.lockings[i] != NULL;

        fds[i] = (struct pollfd){.fd = waits ? larder_etcd_locking_fd(crowd.lockings[i]) : -1, .events = POLLIN};
    }
    EXPECT_WITH(poll(fds, CROWD, held != NULL ? 0 : WAIT_MS) >= (held == NULL), "poll");
    for (int i = 0; i < CROWD; i++) {
        if (fds[i].revents != 0) {
            look(i);
        }
    }
    if (held != NULL) {
        crowd.held = NULL;
        release(held);
    }
}

static void many(struct larder_etcd *client) {
    for (int i = 0; i < CROWD; i++) {
        crowd.leases[i] = keep(client);
        crowd.lockings[i] = stand(crowd.leases[i], "lines/crowd");
    }
    while (!failed && (crowd.done < CROWD || crowd.held != NULL)) {
        turn();
    }
    await_line(client, "lines/crowd/", 0);
    for (int i = 0; i < CROWD; i++) {
        give_back(crowd.leases[i]);
    }
}

/* --- leaving, and losing --- */

/* It is the parent's, who stays in the line. */
static void in_a_child(struct larder_etcd_locking *locking) {
    struct larder_etcd_lock *lock = NULL;
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        EXPECT_WITH(larder_etcd_locking_next(locking, &lock, NULL) == LARDER_ERR_FORKED, "next");
        larder_etcd_locking_free(locking);
        _exit(failed);
    }
    EXPECT_WITH(waitpid(child, &status, 0) == child && status == 0, "the child");
}

static void leave(struct larder_etcd *client) {
    struct larder_etcd_lease *lease = keep(client), *other = keep(client);
    struct larder_etcd_lock *lock = NULL, *second = NULL;
    struct larder_etcd_locking *locking, *again;
    char why[LARDER_MESSAGE_MAX] = "";

    larder_etcd_locking_free(stand(lease, "lines/leave")); /* at once, and in spite of that it can begin anew */
    locking = stand(lease, "lines/leave");
    EXPECT_WITH(larder_etcd_lock_begin(lease, "lines/leave", 11, &again, why) == LARDER_ERR_BUSY, why);
    EXPECT_WITH(await_lock(locking, &lock, why) == LARDER_DONE, why);
    larder_etcd_locking_free(locking);
    await_line(client, "lines/leave/", 1);
    locking = stand(other, "lines/leave");
    await_line(client, "lines/leave/", 2);
    EXPECT_WITH(larder_etcd_locking_next(locking, &second, why) == LARDER_NOTHING, why);
    in_a_child(locking);
    larder_etcd_locking_free(locking);
    await_line(client, "lines/leave/", 1);
    EXPECT_WITH(larder_etcd_lock_status(lock) == LARDER_DONE, "it stays");

    locking = stand(other, "lines/leave");
    await_line(client, "lines/leave/", 2);
    EXPECT_WITH(larder_etcd_lease_revoke(client, larder_etcd_lease_id(other), NULL) == LARDER_DONE, "revoke");
    EXPECT_WITH(await_lock(locking, &second, why) == LARDER_ERR_LOST, why);
    larder_etcd_locking_free(locking);
    EXPECT_WITH(larder_etcd_lease_end(other, why) == LARDER_NOT_FOUND, why);
    release(lock);
    give_back(lease);
}

/* --- an election --- */

static struct larder_etcd_leadership *await_lead(struct larder_etcd_candidacy *candidacy) {
    struct pollfd fd = {.fd = larder_etcd_candidacy_fd(candidacy), .events = POLLIN};
    struct larder_etcd_leadership *leadership = NULL;
    char why[LARDER_MESSAGE_MAX] = "";
    enum larder_status status;

    while ((status = larder_etcd_candidacy_next(candidacy, &leadership, why)) == LARDER_NOTHING) {
        EXPECT_WITH(poll(&fd, 1, WAIT_MS) == 1, "poll");
        if (failed) {
            exit(5);
        }
    }
    EXPECT_WITH(status == LARDER_DONE, why);
    larder_etcd_candidacy_free(candidacy);
    return leadership;
}

static void elect(struct larder_etcd *client) {
    struct larder_etcd_lease *a = keep(client), *b = keep(client);
    struct larder_etcd_candidacy *first = NULL, *second = NULL;
    struct larder_etcd_result result = LARDER_ETCD_RESULT_INIT;
    struct larder_etcd_leadership *leadership;

    EXPECT(larder_etcd_campaign_begin(a, "lines/elect", 11, "a", 1, &first, result.message) == LARDER_DONE);
    await_line(client, "lines/elect/", 1);
    EXPECT(larder_etcd_campaign_begin(b, "lines/elect", 11, "b", 1, &second, result.message) == LARDER_DONE);
    leadership = await_lead(first);
    EXPECT(larder_etcd_leader(client, "lines/elect", 11, &result) == LARDER_HIT &&
           strcmp(result.answer.kvs[0].value, "a") == 0);
    EXPECT(larder_etcd_proclaim(leadership, "a1", 2, result.message) == LARDER_DONE);
    await_line(client, "lines/elect/", 2);
    EXPECT(larder_etcd_resign(leadership, result.message) == LARDER_DONE);
    leadership = await_lead(second);
    EXPECT(larder_etcd_leader(client, "lines/elect", 11, &result) == LARDER_HIT &&
           strcmp(result.answer.kvs[0].value, "b") == 0);
    EXPECT(larder_etcd_resign(leadership, result.message) == LARDER_DONE);
    give_back(a);
    give_back(b);
    larder_etcd_result_free(&result);
}

int main(int argc, char **argv) {
    struct larder_etcd *client = open_client(argc > 1 ? argv[1] : "127.0.0.1:2379");

    many(client);
    leave(client);
    elect(client);
    larder_etcd_free(client);
    return failed;
}
