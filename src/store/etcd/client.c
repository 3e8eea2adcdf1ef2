/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/etcd/state.h"

/* Nothing is so urgent that it could not wait this long; so no mistake about a time makes the client spin. */
#define TICK_NS (1 * CLOCK_NS_PER_MS)

/* --- a life --- */

static bool copy_endpoints(struct etcd_client *client, const struct etcd_client_config *config) {
    size_t count = config->endpoint_count;

    client->configured = calloc(count > 0 ? count : 1, sizeof(struct etcd_endpoint));
    if (client->configured == NULL) {
        return false;
    }
    if (count > 0) {
        memcpy(client->configured, config->endpoints, count * sizeof(struct etcd_endpoint));
    }
    for (size_t i = count; config->shuffle && i > 1; i--) {
        size_t other = random_below(&client->random, i);
        struct etcd_endpoint last = client->configured[i - 1];

        client->configured[i - 1] = client->configured[other];
        client->configured[other] = last;
    }
    for (size_t i = 0; i < count && i < ETCD_MEMBERS_MAX; i++) {
        if (etcd_member_add(client, &client->configured[i]) == NULL) {
            return false;
        }
    }
    return true;
}

struct etcd_client *etcd_client_new(const struct etcd_client_config *config, const struct etcd_io *io, void *ctx) {
    struct etcd_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        return NULL;
    }
    client->config = *config;
    client->io = io;
    client->ctx = ctx;
    client->armed_ns = INT64_MAX;
    client->closed_ns = INT64_MIN;
    random_init(&client->random, config->seed);
    client->trouble = calloc(1, ETCD_TROUBLE_MAX);
    if (!etcd_login_init(client, config->user, config->password) || client->trouble == NULL ||
        !copy_endpoints(client, config)) {
        etcd_client_free(client);
        return NULL;
    }
    client->config.user = slice_make(NULL, 0);
    client->config.password = slice_make(NULL, 0);
    client->config.endpoints = NULL;
    return client;
}

void etcd_client_free(struct etcd_client *client) {
    if (client == NULL) {
        return;
    }
    etcd_client_enter(client);
    client->is_closing = true;
    etcd_streams_fini(client);
    while (client->links != NULL) {
        etcd_link_kill(client->links);
        etcd_link_free(client->links);
    }
    etcd_asks_fini(client);
    for (size_t i = 0; i < client->member_count; i++) {
        free(client->members[i]);
    }
    etcd_login_fini(client);
    free(client->configured);
    free(client->trouble);
    client->io->wake_at(client->ctx, INT64_MAX);
    free(client);
}

/* --- what happens at the end of each event --- */

static void reap(struct etcd_client *client) {
    struct etcd_link *next;

    client->has_dead = false;
    for (struct etcd_link *link = client->links; link != NULL; link = next) {
        next = link->next;
        if (link->phase == ETCD_LINK_DEAD) {
            etcd_link_free(link);
        }
    }
}

static void flush(struct etcd_client *client) {
    while (client->dirty != NULL) {
        struct etcd_link *link = client->dirty;

        client->dirty = link->next_dirty;
        link->is_dirty = false;
        etcd_link_flush(link);
    }
}

static void settle(struct etcd_client *client, bool may_tell) {
    do {
        if (may_tell) {
            etcd_asks_tell(client);
            etcd_streams_tend(client);
        }
        client->is_unsettled = false;
        etcd_login_tend(client);
        etcd_choice_tend(client);
        etcd_refresh_tend(client);
        etcd_asks_begin(client);
        flush(client);
        if (client->has_dead) {
            reap(client);
        }
    } while (client->is_unsettled);
    if (!may_tell && (client->finished.first != NULL || client->refused != NULL)) {
        etcd_client_wake_by(client, client->now_ns);
    }
}

void etcd_client_enter(struct etcd_client *client) {
    if (client->inside++ == 0) {
        client->now_ns = client->io->now_ns(client->ctx);
    }
}

void etcd_client_leave(struct etcd_client *client, bool may_tell) {
    if (client->inside == 1) {
        settle(client, may_tell);
    }
    client->inside--;
}

/* --- time --- */

void etcd_client_wake_by(struct etcd_client *client, int64_t at_ns) {
    if (at_ns < client->armed_ns) {
        client->armed_ns = at_ns;
        client->io->wake_at(client->ctx, at_ns);
    }
}

int64_t etcd_client_jitter(struct etcd_client *client, int64_t ns) {
    return ns / 2 + (int64_t)random_below(&client->random, (uint64_t)ns + 1);
}

int64_t etcd_client_backoff(struct etcd_client *client, int64_t first, int64_t most, uint64_t count) {
    int64_t ns = first > 0 ? first : 1;

    for (; count > 0 && ns < most; count--) {
        ns *= 2;
    }
    return etcd_client_jitter(client, ns < most ? ns : most);
}

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t next_due(const struct etcd_client *client) {
    const struct etcd_due *first = etcd_due_first(&client->due);
    int64_t due_ns = first != NULL ? first->at_ns : INT64_MAX;

    due_ns = sooner(due_ns, etcd_choice_due(client));
    due_ns = sooner(due_ns, etcd_login_due(client));
    due_ns = sooner(due_ns, etcd_streams_due(client));
    if (client->current != NULL && etcd_member_is_usable(client->current)) {
        due_ns = sooner(due_ns, client->refresh_due_ns);
    }
    for (const struct etcd_link *link = client->links; link != NULL; link = link->next) {
        due_ns = sooner(due_ns, etcd_link_due(link));
    }
    return due_ns;
}

void etcd_client_run(struct etcd_client *client) {
    int64_t due_ns;

    etcd_client_enter(client);
    client->armed_ns = INT64_MAX;
    client->must_tend = true;
    for (struct etcd_link *link = client->links; link != NULL; link = link->next) {
        etcd_link_tend(link);
    }
    etcd_asks_expire(client);
    etcd_client_leave(client, true);
    due_ns = client->is_started ? next_due(client) : INT64_MAX;
    if (due_ns < client->now_ns + TICK_NS) {
        due_ns = client->now_ns + TICK_NS;
    }
    etcd_client_wake_by(client, due_ns);
}

void etcd_client_start(struct etcd_client *client) {
    etcd_client_enter(client);
    client->is_started = true;
    client->must_tend = true;
    client->is_unsettled = true;
    etcd_client_leave(client, false);
}
