/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/etcd/link.h"
#include "store/etcd/state.h"

/* Whether the other side of a connection lives, and what else time makes due on it. */

/* How often etcd's gRPC server bears a ping when it has sent nothing in between. */
#define PING_PAUSE_NS (5 * CLOCK_NS_PER_S + 100 * CLOCK_NS_PER_MS)

void etcd_link_hear(struct etcd_link *link) {
    struct grpc_client_heard heard = grpc_client_heard(link->grpc);
    bool was_free = link->is_ping_free;

    link->heard_ns = link->client->now_ns;
    link->is_ping_alone = false;
    if (heard.pongs != link->pongs) {
        link->pongs = heard.pongs;
        link->frames = heard.frames;
    }
    link->is_ping_free = link->pinged_ns == 0 || heard.frames > link->frames;
    if (link->is_ping_free && !was_free) {
        etcd_client_wake_by(link->client, etcd_link_due(link));
    }
}

/* Since when nothing has come although something was awaited. */
static int64_t quiet_since(const struct etcd_link *link) {
    return link->heard_ns > link->busy_ns ? link->heard_ns : link->busy_ns;
}

/* When a ping would go out, if nothing else comes. */
static int64_t ping_due(const struct etcd_link *link) {
    int64_t due_ns = quiet_since(link) + link->client->config.keepalive_time_ns;

    return link->is_ping_free || due_ns > link->pinged_ns + PING_PAUSE_NS ? due_ns : link->pinged_ns + PING_PAUSE_NS;
}

static int64_t life_due(const struct etcd_link *link) {
    if (link->is_ping_alone) {
        return link->pinged_ns + link->client->config.keepalive_timeout_ns;
    }
    return grpc_client_calls(link->grpc) > 0 ? ping_due(link) : INT64_MAX;
}

int64_t etcd_link_due(const struct etcd_link *link) {
    int64_t due_ns;

    if (link->phase == ETCD_LINK_OPENING || link->phase == ETCD_LINK_DEAD || link->is_broken) {
        return INT64_MAX;
    }
    due_ns = life_due(link);
    if (link->retire_ns < due_ns) {
        due_ns = link->retire_ns;
    }
    for (unsigned i = 0; i < ETCD_QUESTIONS; i++) {
        const struct etcd_question *question = &link->questions[i];

        if (question->call.link != NULL && question->due_ns < due_ns) {
            due_ns = question->due_ns;
        }
    }
    return due_ns;
}

static void ping(struct etcd_link *link) {
    if (!grpc_client_ping(link->grpc)) {
        etcd_link_lose(link, "no memory for a ping");
        return;
    }
    link->pinged_ns = link->client->now_ns;
    link->is_ping_alone = true;
    link->is_ping_free = false;
    etcd_client_wake_by(link->client, link->pinged_ns + link->client->config.keepalive_timeout_ns);
    link->frames = UINT64_MAX; /* until it is answered */
    etcd_link_make_dirty(link);
}

/* Another one is to stand before this one goes. */
static void replace(struct etcd_link *link) {
    struct etcd_client *client = link->client;
    struct etcd_member_state *member = link->member;

    link->retire_ns = INT64_MAX;
    if (link->phase != ETCD_LINK_READY || member == NULL || member->links[link->purpose] != link) {
        return;
    }
    if (member->successors[link->purpose] == NULL) {
        member->successors[link->purpose] = etcd_link_new(client, member, link->purpose);
    }
    if (member->successors[link->purpose] == NULL) {
        link->retire_ns = client->now_ns + CLOCK_NS_PER_S;
    }
}

void etcd_link_tend(struct etcd_link *link) {
    int64_t now_ns = link->client->now_ns;

    if (etcd_link_due(link) > now_ns) {
        return;
    }
    for (unsigned i = 0; i < ETCD_QUESTIONS && link->phase != ETCD_LINK_DEAD; i++) {
        if (link->questions[i].call.link != NULL && link->questions[i].due_ns <= now_ns) {
            etcd_question_expire(link, (enum etcd_question_kind)i);
        }
    }
    if (link->phase == ETCD_LINK_DEAD) {
        return;
    }
    if (link->retire_ns <= now_ns) {
        replace(link);
    }
    if (life_due(link) <= now_ns) {
        if (link->is_ping_alone) {
            etcd_member_fails_since(link->client, link->member, quiet_since(link));
            etcd_link_lose(link, "it did not answer a ping");
        } else {
            ping(link);
        }
    }
}
