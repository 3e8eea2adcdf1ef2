/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/node_ring.h"
#include "daemon/option_checks.h"
#include "daemon/option_value.h"
#include "ring/hot_copies.h"
#include "ring/membership.h"

/* --cluster NAME: what belongs to it. */

enum { LEASES_IN_HANDOFF = 2 };

const char *const isolation_words[ISOLATION_WORDS] = {"refuse", "serve"};

static const enum option of_cluster[] = {
    OPTION_ADVERTISE,    OPTION_NODE_ID,      OPTION_CLUSTER_TOKEN_FILE, OPTION_LEASE,       OPTION_HANDOFF,
    OPTION_ON_ISOLATION, OPTION_PEER_TIMEOUT, OPTION_COPY_LEASE,         OPTION_COPY_MEMORY,
};

static void refuse_all(const struct options *o, struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];

    for (size_t i = 0; i < sizeof(of_cluster) / sizeof(of_cluster[0]); i++) {
        enum option option = of_cluster[i];

        if (o->sources[option] != OPTION_SOURCE_DEFAULT) {
            diagnostics_mistake(d, option_place(o, option, room), "%s is of no use without cluster",
                                option_infos[option].name);
        }
    }
}

static void check_names(const struct options *o, struct diagnostics *d) {
    const char *problem = cluster_name_problem(slice_from_string(o->cluster));
    char room[OPTION_PLACE_MAX];

    if (problem != NULL) {
        diagnostics_mistake(d, option_place(o, OPTION_CLUSTER, room), "cluster = %s: %s", o->cluster, problem);
    }
    problem = o->node_id != NULL ? member_id_problem(slice_from_string(o->node_id)) : NULL;
    if (problem != NULL) {
        diagnostics_mistake(d, option_place(o, OPTION_NODE_ID, room), "node-id = %s: %s", o->node_id, problem);
    }
}

/* Whether everybody would be told to ask himself. */
static bool is_wildcard(const struct address *address) {
    return strcmp(address->host, "0.0.0.0") == 0 || strcmp(address->host, "::") == 0;
}

const struct address *ring_default_address(const struct options *o) {
    size_t i = 0;

    while (i < o->listens.count && o->listens.items[i].kind == ADDRESS_UNIX) {
        i++;
    }
    return i < o->listens.count && !is_wildcard(&o->listens.items[i]) ? &o->listens.items[i] : NULL;
}

static void check_address(const struct options *o, struct diagnostics *d) {
    struct address address;
    const char *reason = "";
    char room[OPTION_PLACE_MAX];

    if (o->advertise == NULL) {
        if (ring_default_address(o) == NULL) {
            diagnostics_mistake(
                d, option_place(o, OPTION_CLUSTER, room),
                "cluster needs advertise = HOST:PORT: nobody can reach this node at what it listens on, a "
                "wildcard or a Unix socket");
        }
        return;
    }
    if (!address_parse(slice_from_string(o->advertise), &address, &reason)) {
        diagnostics_mistake(d, option_place(o, OPTION_ADVERTISE, room), "advertise = %s is not HOST:PORT: %s",
                            o->advertise, reason);
    } else if (address.kind == ADDRESS_UNIX || address.port == 0 || is_wildcard(&address)) {
        diagnostics_mistake(d, option_place(o, OPTION_ADVERTISE, room),
                            "advertise = %s is nowhere that another node could reach", o->advertise);
    }
}

static void check_times(struct options *o, struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];

    if (o->lease_ns % (uint64_t)CLOCK_NS_PER_S != 0) {
        diagnostics_mistake(d, option_place(o, OPTION_LEASE, room), "lease is in whole seconds");
    }
    if (o->copy_lease_ns != 0 && o->copy_lease_ns < (uint64_t)(HOT_LEASE_MS_MIN * CLOCK_NS_PER_MS)) {
        diagnostics_mistake(d, option_place(o, OPTION_COPY_LEASE, room), "copy-lease is 0 or at least %dms",
                            HOT_LEASE_MS_MIN);
    }
    if (o->handoff_ns >= LEASES_IN_HANDOFF * o->lease_ns) {
        return;
    }
    if (o->sources[OPTION_HANDOFF] == OPTION_SOURCE_DEFAULT) {
        o->handoff_ns = LEASES_IN_HANDOFF * o->lease_ns;
    } else {
        diagnostics_mistake(d, option_place(o, OPTION_HANDOFF, room), "handoff is less than twice lease");
    }
}

void ring_options_settle(struct options *o, struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];
    size_t index;

    if (o->cluster == NULL) {
        refuse_all(o, d);
        return;
    }
    check_names(o, d);
    check_address(o, d);
    check_times(o, d);
    (void)option_read_choice("on-isolation", slice_from_string(o->on_isolation), isolation_words, ISOLATION_WORDS,
                             option_place(o, OPTION_ON_ISOLATION, room), d, &index);
    if (!options_store_is_remote(o) && o->data_dir == NULL) {
        diagnostics_mistake(d, option_place(o, OPTION_CLUSTER, room),
                            "cluster needs a store that the nodes share: data-dir on the one that keeps it, store = "
                            "etcd://... on the others");
    }
    if (o->cluster_token_file != NULL && access(o->cluster_token_file, R_OK) != 0) {
        diagnostics_mistake(d, option_place(o, OPTION_CLUSTER_TOKEN_FILE, room), "cluster-token-file = %s: %s",
                            o->cluster_token_file, strerror(errno));
    }
}
