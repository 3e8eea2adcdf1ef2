/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_WORLD_H
#define LARDER_TESTS_SIM_WORLD_H

#include "cluster.h"
#include "seeds.h"
#include "store/etcd/keeper.h"
#include "store/etcd/kv.h"
#include "store/etcd/watch.h"

/* One run: a cluster, a network, and the client that is tested. */
struct world {
    uint64_t seed;
    struct sim sim;
    struct net net;
    struct cluster cluster;
    struct net_user user;
    struct etcd_client_config config; /* to be changed before world_open */
    struct etcd_endpoint endpoints[CLUSTER_MEMBERS_MAX];
    struct etcd_client *client; /* NULL: not open */
    struct etcd_watches *watches;
    struct etcd_keeper *keeper;
    struct sim_event *keeping;
};

/* A cluster of `members`, well; the client is not there yet. */
void world_init(struct world *w, uint64_t seed, size_t members);
void world_open(struct world *w);
void world_close(struct world *w);
void world_fini(struct world *w);

/* The keeper has something new to do. */
void world_drive(struct world *w);

void world_run(struct world *w, int64_t ns);

/* Until *done, or for `ns` at most. Returns *done. */
bool world_wait(struct world *w, const bool *done, int64_t ns);

/* The member in use; -1: none. */
int world_member_in_use(const struct world *w);

static inline int64_t world_now(const struct world *w) {
    return w->sim.now_ns;
}

/* Something of the faults and answers, for people; nothing without SIM_TRACE. */
void world_trace(const struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails the test and says which seed shows it again. */
#define CHECK(w, condition, ...)                                                                                       \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            world_failed((w), __FILE__, __LINE__, #condition, __VA_ARGS__);                                            \
        }                                                                                                              \
    } while (0)

void world_failed(const struct world *w, const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((noreturn, format(printf, 5, 6)));

#endif
