/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>

#include "store/etcd/state.h"

/* What is to be known of the client and its cluster. */

size_t etcd_client_member_count(const struct etcd_client *client) {
    return client->member_count;
}

void etcd_client_member(const struct etcd_client *client, size_t place, struct etcd_member *ret_member) {
    assert(place < client->member_count);
    *ret_member = client->members[place]->seen;
    ret_member->in_use = client->members[place] == client->current && etcd_member_is_usable(client->current);
}

uint64_t etcd_client_cluster_id(const struct etcd_client *client) {
    return client->cluster_id;
}

static bool has_member(const struct etcd_client *client) {
    return client->current != NULL && etcd_member_is_usable(client->current);
}

/* One that failed and is only being tried again has not answered. */
static bool has_good_member(const struct etcd_client *client) {
    return has_member(client) && client->current->seen.health == ETCD_HEALTH_GOOD;
}

bool etcd_client_is_ready(const struct etcd_client *client) {
    return has_good_member(client) && etcd_login_is_ready(client);
}

static void list_troubles(const struct etcd_client *client) {
    size_t size = (size_t)snprintf(client->trouble, ETCD_TROUBLE_MAX, "no member can be used");

    for (size_t i = 0; i < client->member_count && size < ETCD_TROUBLE_MAX; i++) {
        const struct etcd_member_state *member = client->members[i];
        const char *what = member->seen.trouble[0] != '\0' ? member->seen.trouble : "it has not answered yet";

        size += (size_t)snprintf(client->trouble + size, ETCD_TROUBLE_MAX - size, "%s%s: %s", i == 0 ? ": " : "; ",
                                 member->text, what);
    }
}

const char *etcd_client_trouble(const struct etcd_client *client) {
    if (etcd_client_is_ready(client)) {
        client->trouble[0] = '\0';
    } else if (client->member_count == 0) {
        (void)snprintf(client->trouble, ETCD_TROUBLE_MAX, "no endpoint of the cluster is known");
    } else if (!has_good_member(client)) {
        list_troubles(client);
    } else {
        (void)snprintf(client->trouble, ETCD_TROUBLE_MAX, "%s",
                       client->login.trouble[0] != '\0' ? client->login.trouble : "logging in to the cluster");
    }
    return client->trouble;
}

int64_t etcd_client_revision(const struct etcd_client *client) {
    return client->revision;
}

void etcd_client_forget_revision(struct etcd_client *client) {
    client->revision = 0;
}

void etcd_client_note_revision(struct etcd_client *client, int64_t revision) {
    if (revision > client->revision) {
        client->revision = revision;
    }
}

void etcd_client_note_unknown(struct etcd_client *client) {
    client->figures.unknown++;
}

const struct etcd_figures *etcd_client_figures(const struct etcd_client *client) {
    return &client->figures;
}

int64_t etcd_client_draw_lease(struct etcd_client *client) {
    int64_t lease;

    do {
        lease = (int64_t)(random_next(&client->random) & INT64_MAX);
    } while (lease == 0);
    return lease;
}
