/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/etcd/state.h"

/* A connection that takes longer gets a rival to another member; the first that stands is used. */
#define STAGGER_NS (100 * CLOCK_NS_PER_MS)

/* When no member is well and requests wait, one is tried after about this time, however long it has failed. */
#define HOPE_NS (150 * CLOCK_NS_PER_MS)

/* The earlier of two times. */
static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static bool is_opening(const struct etcd_member_state *member) {
    const struct etcd_link *link = member->links[ETCD_FOR_REQUESTS];

    return link != NULL && (link->phase == ETCD_LINK_OPENING || link->phase == ETCD_LINK_CHECKING);
}

static void use(struct etcd_client *client, struct etcd_member_state *member) {
    if (member->seen.health == ETCD_HEALTH_FAILING) {
        member->seen.health = ETCD_HEALTH_UNTRIED;
        /* What is asked now is its test, and this, because nobody else may ask for long. */
        etcd_question_ask(member->links[ETCD_FOR_REQUESTS], ETCD_QUESTION_PROBE, client->config.attempt_timeout_ns);
    }
    if (client->current != member) {
        /* Streams live where requests go. */
        if (client->current != NULL && client->current->links[ETCD_FOR_STREAMS] != NULL) {
            etcd_link_kill(client->current->links[ETCD_FOR_STREAMS]);
            client->current->links[ETCD_FOR_STREAMS] = NULL;
        }
        client->current = member;
        etcd_refresh_hurry(client);
    }
    etcd_client_unprove(client);
    client->retry_ns = 0;
    client->is_unsettled = true;
}

static struct etcd_member_state *find_usable(const struct etcd_client *client) {
    for (size_t i = 0; i < client->member_count; i++) {
        if (etcd_member_is_usable(client->members[i])) {
            return client->members[i];
        }
    }
    return NULL;
}

/* Of those that fail, or are not tried yet, the one whose time comes first. A learner has its time, too, to be asked whether
 * it still is one. */
static struct etcd_member_state *find_next(const struct etcd_client *client) {
    struct etcd_member_state *best = NULL;

    for (size_t i = 0; i < client->member_count; i++) {
        struct etcd_member_state *member = client->members[i];

        if (!is_opening(member) && (best == NULL || member->seen.next_try_ns < best->seen.next_try_ns)) {
            best = member;
        }
    }
    return best;
}

static bool one_is_opening(const struct etcd_client *client) {
    for (size_t i = 0; i < client->member_count; i++) {
        if (is_opening(client->members[i])) {
            return true;
        }
    }
    return false;
}

/* The current one lost its connection for no fault (GOAWAY), and is about to have another. */
static bool is_worth_waiting(const struct etcd_client *client) {
    const struct etcd_member_state *member = client->current;

    return member != NULL && member->seen.health != ETCD_HEALTH_FAILING && !member->seen.learner &&
           is_opening(member) && client->now_ns - member->links[ETCD_FOR_REQUESTS]->begun_ns < STAGGER_NS;
}

static bool dial(struct etcd_client *client, struct etcd_member_state *member, enum etcd_purpose purpose) {
    if (member->links[purpose] != NULL) {
        return true;
    }
    member->links[purpose] = etcd_link_new(client, member, purpose);
    if (member->links[purpose] == NULL) {
        etcd_member_fail(client, member, ETCD_FAILURE_CONNECTION, SLICE("no memory or descriptors for a connection"));
        return false;
    }
    return true;
}

/* All have failed: what the configuration says may know better than what the cluster said once. */
static void fall_back(struct etcd_client *client) {
    for (size_t i = 0; i < client->member_count; i++) {
        if (client->members[i]->seen.health != ETCD_HEALTH_FAILING && !client->members[i]->seen.learner) {
            return;
        }
    }
    for (size_t i = 0; i < client->config.endpoint_count; i++) {
        bool is_there = false;

        for (size_t n = 0; n < client->member_count && !is_there; n++) {
            is_there = etcd_endpoint_equal(&client->members[n]->seen.endpoint, &client->configured[i]);
        }
        if (!is_there) {
            (void)etcd_member_add(client, &client->configured[i]);
        }
    }
}

/* Whether it still is one; when it has said so, there is a pause. */
static void ask_learner(struct etcd_client *client, struct etcd_member_state *member) {
    member->seen.next_try_ns = client->now_ns + etcd_client_jitter(client, client->config.backoff_max_ns);
    etcd_question_ask(member->links[ETCD_FOR_REQUESTS], ETCD_QUESTION_STATUS, client->config.attempt_timeout_ns);
}

/* Nobody can be used: tries the next one, if it is time. */
static void seek(struct etcd_client *client) {
    struct etcd_member_state *next;

    fall_back(client);
    next = find_next(client);
    if (next == NULL) {
        return;
    }
    if (client->now_ns < client->dialed_ns + STAGGER_NS && one_is_opening(client)) {
        return;
    }
    if (client->retry_ns == 0 && client->waiting.first != NULL) {
        client->retry_ns = client->now_ns + etcd_client_jitter(client, HOPE_NS);
    }
    if (client->now_ns < next->seen.next_try_ns && (client->retry_ns == 0 || client->now_ns < client->retry_ns)) {
        return;
    }
    client->retry_ns = 0;
    client->dialed_ns = client->now_ns;
    if (etcd_link_is_ready(next->links[ETCD_FOR_REQUESTS]) && next->seen.learner) {
        ask_learner(client, next);
    } else if (etcd_link_is_ready(next->links[ETCD_FOR_REQUESTS])) {
        use(client, next);
    } else if (!dial(client, next, ETCD_FOR_REQUESTS)) {
        client->must_tend = true;
    }
}

/* A member that is not in use is kept at hand: connected, and asked whether it serves again after it did not. */
static void keep(struct etcd_client *client, struct etcd_member_state *member) {
    struct etcd_link *link = member->links[ETCD_FOR_REQUESTS];

    if (member->seen.next_try_ns > client->now_ns) {
        return;
    }
    if (link == NULL) {
        (void)dial(client, member, ETCD_FOR_REQUESTS);
    } else if (member->seen.health == ETCD_HEALTH_FAILING && etcd_link_is_ready(link)) {
        etcd_question_ask(link, ETCD_QUESTION_PROBE, client->config.attempt_timeout_ns);
    }
}

static bool current_is_usable(const struct etcd_client *client) {
    return client->current != NULL && etcd_member_is_usable(client->current);
}

static void choose(struct etcd_client *client) {
    struct etcd_member_state *usable = find_usable(client);

    if (usable != NULL && !is_worth_waiting(client)) {
        use(client, usable);
    } else {
        seek(client);
    }
}

/* `due_ns`, or `at_ns` if that is sooner and yet to come. */
static int64_t sooner_to_come(const struct etcd_client *client, int64_t due_ns, int64_t at_ns) {
    return at_ns > client->now_ns ? sooner(due_ns, at_ns) : due_ns;
}

int64_t etcd_choice_due(const struct etcd_client *client) {
    int64_t due_ns = INT64_MAX;

    for (size_t i = 0; i < client->member_count; i++) {
        due_ns = sooner_to_come(client, due_ns, client->members[i]->seen.next_try_ns);
    }
    if (client->is_started && !current_is_usable(client)) {
        due_ns = sooner_to_come(client, due_ns, client->retry_ns);
        due_ns = sooner_to_come(client, due_ns, client->dialed_ns + STAGGER_NS);
        if (is_worth_waiting(client)) {
            due_ns = sooner_to_come(client, due_ns, client->current->links[ETCD_FOR_REQUESTS]->begun_ns + STAGGER_NS);
        }
    }
    return due_ns;
}

void etcd_choice_tend(struct etcd_client *client) {
    if (!client->must_tend || !client->is_started) {
        return;
    }
    client->must_tend = false;
    if (!current_is_usable(client)) {
        choose(client);
    }
    for (size_t i = 0; i < client->member_count; i++) {
        if (current_is_usable(client) || client->members[i]->waiting.first != NULL) {
            keep(client, client->members[i]);
        }
    }
    if (current_is_usable(client) && etcd_streams_wait(client)) {
        (void)dial(client, client->current, ETCD_FOR_STREAMS);
    }
    etcd_client_wake_by(client, etcd_choice_due(client));
}
