/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLUSTER_CLUSTER_H
#define LARDER_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/request.h"
#include "ring/keeper.h"
#include "ring/membership.h"
#include "store/store.h"

/* A node's part in its cluster, kept in the store it shares with the others: its record under a lease, the membership it
 * watches, the numbered purges. Rules 1, 7 and 8 of the ring.
 *
 *     /larder/<cluster>/nodes/<id>       a node's record (ring/membership.h), under its lease
 *     /larder/<cluster>/purges/<group>   a purge of a group's entries (cluster/purge_record.h); "*" as the group is a flush of all.
 *                                        Its mod_revision is the purge's number. Who has not seen each of them has the number of the
 *                                        newest from here, and drops all that he has
 *     /larder/<cluster>/joined           changed with each record that is made, and never taken out: so that a question shows
 *                                        whether a node came since, also one that has gone again
 *     /larder/<cluster>/applied/<id>     the number up to which that node has applied purges, under its lease
 *
 * A machine of one thread, the control thread's: cluster_tick and what the store answers drive it, and `wake` says when the
 * thread should call cluster_tick although its time has not come. It calls the keeper's functions of the control thread.
 *
 * Registration. A record of our id that is there already is somebody: ours from before a crash, which goes with its lease, or
 * another node of the same name, which stays. So it is never overwritten: the node waits until it is gone (the log says for
 * whom), and is no member meanwhile. When the record is found to be gone later (the lease ran out while we were paused), the
 * node begins anew, as another incarnation. */
struct cluster;

struct cluster_config {
    struct slice name; /* all copied */
    struct slice id;
    struct slice address; /* to advertise */
    int64_t lease_ns;     /* whole seconds, at least STORE_LEASE_TTL_MIN */
    int64_t handoff_ns;   /* a leaving node waits so long for the others to take over what they ask for */
    struct store *store;
    struct keeper *keeper;
    void (*wake)(void *ctx);      /* any thread */
    void (*on_change)(void *ctx); /* the control thread: the keeper has a new view */
    void (*on_clear)(
        void *ctx); /* likewise: the table is to be emptied, now (keeper_must_clear, or continuity was lost) */
    void *ctx;
    /* The index of a group by its name, for purges; KEEPER_GROUPS: there is none here. */
    unsigned (*group_index)(void *ctx, struct slice name);
};

enum larder_error cluster_new(const struct cluster_config *config, struct cluster **ret_cluster);

/* Goes on with whatever is due; returns when it is to be called again at the latest. */
int64_t cluster_tick(struct cluster *c, int64_t now_ns);

/* Leaves: the record says `leaving`, and when handoff_ns has passed, or nobody is left who could ask, it is taken out.
 * cluster_has_left says so. */
void cluster_leave(struct cluster *c, int64_t now_ns);
bool cluster_has_left(const struct cluster *c);

/* Before the store is closed: ends what waits here, and hands in no more calls. What the store still has ends with the store;
 * so cluster_free comes after store_close. Neither `wake` nor any other function of the config is called after that. */
void cluster_stop(struct cluster *c);
void cluster_free(struct cluster *c); /* NULL is allowed */

/* --- any thread --- */

/* Something that waits; its owner keeps it in place until `done` was called, once, on the control thread. */
struct cluster_wait {
    struct cluster_wait *next;
    int64_t revision; /* REFRESH: the least; 0: as of now. PURGE: its number, once it is recorded */
    int64_t deadline_ns;
    void (*done)(struct cluster_wait *wait);
    bool reached;                     /* false: the deadline came first, or the store failed */
    char missing[256];                /* PURGE: the ids of nodes that have not applied it, parted by ", " */
    bool recorded;                    /* PURGE: the record stands, so it will be applied */
    char group[CLUSTER_NAME_MAX + 1]; /* PURGE: of which group; "*": of all */
    char prefix[REQUEST_KEY_MAX];     /* PURGE: what the keys begin with behind the group's name and its '/' */
    size_t prefix_size;               /* 0: they are all of the group's */
    bool is_purge;
};

/* The membership is read anew, linearizably, by one question for all that wait, and is of `wait->revision` or later. */
void cluster_refresh(struct cluster *c, struct cluster_wait *wait);

/* A purge is recorded, and reached when every live node has applied it. */
void cluster_purge(struct cluster *c, struct cluster_wait *wait);

/* What is known, for people and metrics. */
struct cluster_figures {
    int64_t revision; /* of the membership */
    size_t members;
    size_t leaving;
    bool member;          /* this node is one */
    int64_t authority_ns; /* until then, monotonic */
    uint64_t renewals;
    uint64_t renewal_failures;
    uint64_t changes; /* of the membership that were seen */
    uint64_t refreshes;
    uint64_t bad_records;
    uint64_t purges_applied;
    int64_t purge_number;
};

void cluster_get_figures(struct cluster *c, struct cluster_figures *ret_figures);

#endif
