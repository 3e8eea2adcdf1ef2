/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_CLUSTER_HELPER_H
#define LARDER_TESTS_CLUSTER_HELPER_H

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "../store/harness.h"
#include "cluster/cluster.h"

/* Nodes of a cluster over a real store of this process. A node is run by hand: while the test does not run it, it is as one
 * that is paused. */

/* What watches memory or threads makes all of it many times as slow, so that a lease would run out while a view is made. */
#ifdef __has_feature
#define HAS_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#else
#define HAS_SANITIZER 0
#endif
#if HAS_SANITIZER
enum { LEASE_S = 6, HANDOFF_S = 15, PATIENCE_S = 60 };
#else
enum { LEASE_S = 2, HANDOFF_S = 5, PATIENCE_S = 20 };
#endif

#define SECOND_NS INT64_C(1000000000)

struct test_node {
    struct keeper *keeper;
    struct cluster *cluster;
    int event; /* `wake` */
    int64_t due_ns;
    unsigned changes;
    unsigned clears;
    bool paused;
};

static inline void node_wake(void *ctx) {
    const uint64_t one = 1;

    (void)!write(((struct test_node *)ctx)->event, &one, sizeof(one));
}

static inline void node_changed(void *ctx) {
    ((struct test_node *)ctx)->changes++;
}

static inline void node_clear(void *ctx) {
    ((struct test_node *)ctx)->clears++;
}

static inline unsigned node_group(void *ctx, struct slice name) {
    (void)ctx;
    return slice_equal(name, SLICE("sessions")) ? 3 : KEEPER_GROUPS;
}

static inline void node_start(struct test_node *n, struct store *store, const char *id) {
    const struct keeper_config keeper = {
        .id = slice_from_string(id), .lease_ns = LEASE_S * SECOND_NS, .handoff_ns = HANDOFF_S * SECOND_NS};
    struct cluster_config config = {
        .name = SLICE("test"),
        .id = slice_from_string(id),
        .address = SLICE("127.0.0.1:1"),
        .lease_ns = LEASE_S * SECOND_NS,
        .handoff_ns = HANDOFF_S * SECOND_NS,
        .store = store,
        .wake = node_wake,
        .on_change = node_changed,
        .on_clear = node_clear,
        .ctx = n,
        .group_index = node_group,
    };

    memset(n, 0, sizeof(*n));
    n->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(keeper_new(&keeper, &n->keeper), LARDER_OK);
    config.keeper = n->keeper;
    assert_int_equal(cluster_new(&config, &n->cluster), LARDER_OK);
}

/* As after kill -9: what it has in the store goes with its lease. The store is closed in between, as cluster_free asks. */
static inline void node_stop(struct test_node *n) {
    cluster_stop(n->cluster);
}

static inline void node_end(struct test_node *n) {
    cluster_free(n->cluster);
    keeper_free(n->keeper);
    close(n->event);
}

/* Runs those that are due until `holds`, by what the nodes wait for and not by the clock. */
static inline bool run_until(struct test_node *nodes, size_t count, bool (*holds)(void *ctx), void *ctx) {
    int64_t end_ns = clock_monotonic_ns() + PATIENCE_S * SECOND_NS;

    while (clock_monotonic_ns() < end_ns) {
        struct pollfd fds[8];
        int64_t now_ns = clock_monotonic_ns(), due_ns = now_ns + SECOND_NS / 5;

        for (size_t i = 0; i < count; i++) {
            uint64_t woken;
            bool is_woken = read(nodes[i].event, &woken, sizeof(woken)) > 0;

            if (!nodes[i].paused && (is_woken || now_ns >= nodes[i].due_ns)) {
                nodes[i].due_ns = cluster_tick(nodes[i].cluster, now_ns);
            }
            fds[i] = (struct pollfd){.fd = nodes[i].paused ? -1 : nodes[i].event, .events = POLLIN};
            due_ns = nodes[i].due_ns < due_ns && !nodes[i].paused ? nodes[i].due_ns : due_ns;
        }
        if (holds(ctx)) {
            return true;
        }
        now_ns = clock_monotonic_ns();
        (void)poll(fds, count, due_ns > now_ns ? (int)((due_ns - now_ns) / 1000000) + 1 : 0);
    }
    return false;
}

static inline struct cluster_figures figures_of(struct test_node *n) {
    struct cluster_figures figures;

    cluster_get_figures(n->cluster, &figures);
    return figures;
}

#endif
