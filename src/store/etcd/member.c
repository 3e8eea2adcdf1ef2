/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/etcd/state.h"

/* How soon a member without a leader is asked again; see etcd_client_jitter. */
#define ELECTION_FIRST_NS (25 * CLOCK_NS_PER_MS)
#define ELECTION_MOST_NS (60 * CLOCK_NS_PER_MS)

struct etcd_member_state *etcd_member_add(struct etcd_client *client, const struct etcd_endpoint *endpoint) {
    struct etcd_member_state *member;

    if (client->member_count == ETCD_MEMBERS_MAX) {
        return NULL;
    }
    member = calloc(1, sizeof(*member));
    if (member == NULL) {
        return NULL;
    }
    member->seen.endpoint = *endpoint;
    member->failed_ns = INT64_MIN;
    member->proof_ns = INT64_MIN;
    etcd_endpoint_format(endpoint, member->text);
    client->members[client->member_count++] = member;
    client->must_tend = true;
    return member;
}

/* Such texts go to terminals and logs as they are. */
void etcd_member_copy_text(char *ret_text, size_t room, const char *text) {
    (void)snprintf(ret_text, room, "%s", text == NULL ? "" : text);
    for (char *at = ret_text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
}

static void let_go(struct etcd_member_state *member) {
    for (unsigned i = 0; i < ETCD_PURPOSES; i++) {
        struct etcd_link *links[] = {member->links[i], member->successors[i]};

        for (unsigned n = 0; n < 2; n++) {
            if (links[n] != NULL && links[n]->phase != ETCD_LINK_READY) {
                etcd_link_kill(links[n]);
            } else if (links[n] != NULL) {
                etcd_link_drain(links[n]);
            }
        }
    }
}

void etcd_member_remove(struct etcd_client *client, size_t place) {
    struct etcd_member_state *member = client->members[place];

    if (member->links[ETCD_FOR_STREAMS] != NULL) {
        etcd_streams_leave(client, member->links[ETCD_FOR_STREAMS]);
    }
    let_go(member);
    for (struct etcd_link *link = client->links; link != NULL; link = link->next) {
        if (link->member == member) {
            link->member = NULL;
        }
    }
    etcd_asks_leave(client, member);
    if (client->current == member) {
        client->current = NULL;
    }
    if (client->lost == member) {
        client->lost = NULL;
    }
    client->member_count--;
    memmove(client->members + place, client->members + place + 1,
            (client->member_count - place) * sizeof(struct etcd_member_state *));
    free(member);
    client->must_tend = true;
}

static int64_t pause_ns(struct etcd_client *client, const struct etcd_member_state *member, enum etcd_failure failure) {
    const struct etcd_client_config *config = &client->config;
    uint64_t count = member->seen.failures - 1;

    switch (failure) {
    case ETCD_FAILURE_LEADERLESS:
        return etcd_client_backoff(client, ELECTION_FIRST_NS, ELECTION_MOST_NS, count);
    case ETCD_FAILURE_FOREIGN:
        return etcd_client_jitter(client, config->backoff_max_ns);
    default:
        return etcd_client_backoff(client, config->backoff_min_ns, config->backoff_max_ns, count);
    }
}

static void take_note(struct etcd_member_state *member, struct slice why) {
    size_t size = why.size < sizeof(member->seen.trouble) - 1 ? why.size : sizeof(member->seen.trouble) - 1;

    for (size_t i = 0; i < size; i++) {
        char c = why.data[i];

        member->seen.trouble[i] = c >= ' ' && c != 0x7f ? c : ' '; /* it may be what a server said */
    }
    member->seen.trouble[size] = '\0';
}

void etcd_member_fails_since(struct etcd_client *client, const struct etcd_member_state *member, int64_t since_ns) {
    if (member != NULL && member == client->current && client->trouble_ns == 0) {
        client->trouble_ns = since_ns;
        client->lost = member;
    }
}

void etcd_member_fail(struct etcd_client *client, struct etcd_member_state *member, enum etcd_failure failure,
                      struct slice why) {
    etcd_member_fails_since(client, member, client->now_ns);
    if (member == client->current || (member->seen.leader && member->seen.health != ETCD_HEALTH_FAILING)) {
        etcd_client_unprove(client); /* whoever passes writes on to the leader may not know yet */
        etcd_refresh_hurry(client);
    }
    member->seen.health = ETCD_HEALTH_FAILING;
    member->seen.failures++;
    member->is_suspect |= failure != ETCD_FAILURE_CONNECTION;
    member->failed_ns = client->now_ns;
    member->seen.next_try_ns = client->now_ns + pause_ns(client, member, failure);
    take_note(member, why);
    if (member->links[ETCD_FOR_STREAMS] != NULL) {
        etcd_link_kill(member->links[ETCD_FOR_STREAMS]);
        member->links[ETCD_FOR_STREAMS] = NULL;
    }
    if (failure == ETCD_FAILURE_FOREIGN && member->links[ETCD_FOR_REQUESTS] != NULL) {
        etcd_link_kill(member->links[ETCD_FOR_REQUESTS]);
        member->links[ETCD_FOR_REQUESTS] = NULL;
    }
    client->must_tend = true;
    client->is_unsettled = true;
    etcd_client_wake_by(client, member->seen.next_try_ns);
}

void etcd_client_unprove(struct etcd_client *client) {
    client->is_proven = false;
    client->unproven_ns = client->now_ns;
}

/* The first answer after trouble. */
static void count_failover(struct etcd_client *client) {
    uint64_t took_ns = (uint64_t)(client->now_ns - client->trouble_ns);

    if (client->lost != client->current) {
        client->figures.failovers++;
        client->figures.failover_ns += took_ns;
        if (took_ns > client->figures.failover_max_ns) {
            client->figures.failover_max_ns = took_ns;
        }
    }
    client->trouble_ns = 0;
    client->lost = NULL;
}

void etcd_member_prove(struct etcd_client *client, struct etcd_member_state *member, int64_t sent_ns) {
    if (sent_ns > member->proof_ns) {
        member->proof_ns = sent_ns;
    }
    if (sent_ns < member->failed_ns) {
        return; /* of before the trouble */
    }
    if (member->seen.health != ETCD_HEALTH_GOOD || member->seen.failures > 0) {
        member->seen.health = ETCD_HEALTH_GOOD;
        member->seen.failures = 0;
        member->seen.next_try_ns = 0;
        member->seen.trouble[0] = '\0';
        member->is_suspect = false;
        client->must_tend = true;
        client->is_unsettled = true;
    }
    if (member == client->current && !client->is_proven && sent_ns >= client->unproven_ns) {
        client->is_proven = true;
        client->is_unsettled = true;
        if (client->trouble_ns != 0) {
            count_failover(client);
        }
    }
}

/* The former one goes on with what it has, but for streams, which never end by themselves. */
static void succeed(struct etcd_client *client, struct etcd_link *link) {
    struct etcd_link **place = &link->member->links[link->purpose];
    struct etcd_link *former = *place;

    *place = link;
    link->member->successors[link->purpose] = NULL;
    if (former == NULL) {
        return;
    }
    if (link->purpose == ETCD_FOR_STREAMS) {
        etcd_streams_leave(client, former);
    }
    etcd_link_drain(former);
}

void etcd_member_ready(struct etcd_client *client, struct etcd_link *link) {
    struct etcd_member_state *member = link->member;
    int64_t age_ns = client->config.max_connection_age_ns;

    link->phase = ETCD_LINK_READY;
    if (age_ns > 0) {
        link->retire_ns = client->now_ns + age_ns - (int64_t)random_below(&client->random, (uint64_t)age_ns / 10 + 1);
        etcd_client_wake_by(client, link->retire_ns);
    }
    if (member->successors[link->purpose] == link) {
        succeed(client, link);
    }
    if (!member->is_suspect) {
        member->seen.health = ETCD_HEALTH_GOOD;
        member->seen.next_try_ns = 0;
        member->seen.trouble[0] = '\0';
    }
    client->must_tend = true;
    client->is_unsettled = true;
}

void etcd_member_lost(struct etcd_client *client, struct etcd_link *link, struct slice why) {
    struct etcd_member_state *member = link->member;

    client->must_tend = true;
    if (member == NULL) {
        return;
    }
    if (member->successors[link->purpose] == link) {
        member->successors[link->purpose] = NULL;
        if (member->links[link->purpose] != NULL) {
            member->links[link->purpose]->retire_ns = client->now_ns + CLOCK_NS_PER_S;
            etcd_client_wake_by(client, client->now_ns + CLOCK_NS_PER_S);
        }
        return;
    }
    if (member->links[link->purpose] == link) {
        member->links[link->purpose] = NULL;
        etcd_member_fail(client, member, ETCD_FAILURE_CONNECTION, why);
    }
}

bool etcd_member_is_usable(const struct etcd_member_state *member) {
    return member->seen.health != ETCD_HEALTH_FAILING && !member->seen.learner &&
           etcd_link_is_ready(member->links[ETCD_FOR_REQUESTS]);
}
