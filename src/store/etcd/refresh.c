/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/state.h"

/* However much happens, members are not asked for more often. */
#define PAUSE_NS (1 * CLOCK_NS_PER_S)

void etcd_refresh_hurry(struct etcd_client *client) {
    int64_t soonest_ns = client->refreshed_ns == 0 ? client->now_ns : client->refreshed_ns + PAUSE_NS;
    int64_t due_ns = soonest_ns > client->now_ns ? soonest_ns : client->now_ns;

    if (due_ns < client->refresh_due_ns) {
        client->refresh_due_ns = due_ns;
        etcd_client_wake_by(client, due_ns);
    }
}

void etcd_refresh_tend(struct etcd_client *client) {
    struct etcd_member_state *current = client->current;

    if (client->now_ns < client->refresh_due_ns || current == NULL || !etcd_member_is_usable(current)) {
        return;
    }
    client->refreshed_ns = client->now_ns;
    client->refresh_due_ns = client->now_ns + client->config.refresh_ns;
    for (size_t i = 0; i < client->member_count; i++) {
        struct etcd_link *link = client->members[i]->links[ETCD_FOR_REQUESTS];

        if (etcd_link_is_ready(link)) {
            etcd_question_ask(link, ETCD_QUESTION_STATUS, client->config.attempt_timeout_ns);
        }
    }
    etcd_question_ask(current->links[ETCD_FOR_REQUESTS], ETCD_QUESTION_MEMBERS, client->config.attempt_timeout_ns);
}

/* --- what the cluster says --- */

static bool is_anywhere(const struct address *address) {
    return strcmp(address->host, "0.0.0.0") == 0 || strcmp(address->host, "::") == 0;
}

static bool is_loopback(const struct address *address) {
    return strncmp(address->host, "127.", 4) == 0 || strcmp(address->host, "::1") == 0 ||
           strcasecmp(address->host, "localhost") == 0;
}

/* Where the configuration wants TLS, be it for one endpoint, what the cluster says does not do without it unless the
 * configuration says the same: the token would be read on the way. */
static bool may_use(const struct etcd_client *client, const struct etcd_endpoint *endpoint) {
    bool wants_tls = false;

    if (is_anywhere(&endpoint->address)) {
        return false;
    }
    for (size_t i = 0; i < client->config.endpoint_count; i++) {
        if (etcd_endpoint_equal(&client->configured[i], endpoint)) {
            return true;
        }
        wants_tls |= client->configured[i].tls;
    }
    return endpoint->tls || !wants_tls;
}

static bool parse_url(const struct etcd_client *client, const char *url, struct etcd_endpoint *ret_endpoint) {
    struct buf why;
    size_t count = 0;
    bool good;

    buf_init(&why, 1024);
    good = etcd_endpoints_parse(slice_from_string(url), ret_endpoint, 1, &count, &why) && count == 1 &&
           may_use(client, ret_endpoint);
    buf_fini(&why);
    return good;
}

/* A place in client->members, or SIZE_MAX. */
static size_t find_endpoint(const struct etcd_client *client, const struct etcd_endpoint *endpoint) {
    for (size_t i = 0; i < client->member_count; i++) {
        if (etcd_endpoint_equal(&client->members[i]->seen.endpoint, endpoint)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* The member under a name of the configuration's that works is kept, whatever else it is called. */
static size_t find_id(const struct etcd_client *client, uint64_t id) {
    for (size_t i = 0; i < client->member_count; i++) {
        if (client->members[i]->seen.id == id && client->members[i]->seen.health == ETCD_HEALTH_GOOD) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* The best of its URLs: one that is known, else one that is not this very machine, else any. False: none is of use. */
static bool pick_url(const struct etcd_client *client, const Etcdserverpb__Member *member,
                     struct etcd_endpoint *ret_endpoint) {
    unsigned best = 0;

    for (size_t i = 0; i < member->n_clienturls; i++) {
        struct etcd_endpoint one;
        unsigned rank;

        if (!parse_url(client, member->clienturls[i], &one)) {
            continue;
        }
        rank = find_endpoint(client, &one) != SIZE_MAX ? 3 : is_loopback(&one.address) ? 1 : 2;
        if (rank > best) {
            best = rank;
            *ret_endpoint = one;
        }
    }
    return best > 0;
}

/* The place of the member, added if need be. SIZE_MAX: it cannot be reached by anything the cluster says. */
static size_t place_of(struct etcd_client *client, const Etcdserverpb__Member *member) {
    bool follow = client->config.follow_members;
    struct etcd_endpoint endpoint;
    bool has_url = pick_url(client, member, &endpoint);
    size_t place = has_url ? find_endpoint(client, &endpoint) : SIZE_MAX;

    if (place == SIZE_MAX) {
        place = find_id(client, member->id);
    }
    if (place == SIZE_MAX && has_url && follow && etcd_member_add(client, &endpoint) != NULL) {
        place = client->member_count - 1;
    }
    return place;
}

static void describe(struct etcd_client *client, size_t place, const Etcdserverpb__Member *member) {
    struct etcd_member *seen = &client->members[place]->seen;

    seen->id = member->id;
    seen->learner = member->islearner != 0;
    etcd_member_copy_text(seen->name, sizeof(seen->name), member->name);
    client->must_tend = true;
}

void etcd_refresh_members(struct etcd_client *client, const ProtobufCMessage *response) {
    const Etcdserverpb__MemberListResponse *list = (const void *)response;
    bool is_named[ETCD_MEMBERS_MAX] = {false};
    size_t named = 0;

    for (size_t i = 0; i < list->n_members; i++) {
        size_t place = place_of(client, list->members[i]);

        if (place != SIZE_MAX) {
            describe(client, place, list->members[i]);
            named += !is_named[place];
            is_named[place] = true;
        }
    }
    if (!client->config.follow_members || named == 0) {
        return; /* what is configured is all there is to go by */
    }
    for (size_t i = client->member_count; i-- > 0;) {
        if (!is_named[i]) {
            etcd_member_remove(client, i);
        }
    }
}
