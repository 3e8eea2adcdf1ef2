/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_internal.h"

/* Of a connection to an origin. */
#define CONNECT_TIMEOUT_NS (INT64_C(5) * CLOCK_NS_PER_S)
#define IDLE_NS (INT64_C(60) * CLOCK_NS_PER_S)
#define LIFE_NS (INT64_C(300) * CLOCK_NS_PER_S)
#define NAME_NS (INT64_C(30) * CLOCK_NS_PER_S)

/* The worker's share. */
static unsigned share_of(const struct origin_worker *w, const struct group_policy *policy) {
    unsigned workers = w->origin->workers > 0 ? w->origin->workers : 1;
    unsigned share = (policy->origin.connections + workers - 1) / workers;

    return share > 0 ? share : 1;
}

static struct fetcher *make(struct origin_worker *w, const struct group_policy *policy) {
    const struct fetcher_config config = {
        .connections = share_of(w, policy),
        .connections_per_host = share_of(w, policy),
        .fetches = ORIGIN_FLIGHTS_MAX,
        .connect_timeout_ns =
            policy->origin.timeout_ns < CONNECT_TIMEOUT_NS ? policy->origin.timeout_ns : CONNECT_TIMEOUT_NS,
        .idle_ns = IDLE_NS,
        .life_ns = LIFE_NS,
        .name_ns = NAME_NS,
    };

    w->connections[policy->index] = config.connections;
    return fetcher_new(w->loop, &config);
}

/* Each group has connections of its own, so that an origin that hangs takes none from another's. */
static struct fetcher *fetcher_of(struct origin_worker *w, const struct group_policy *policy) {
    struct fetcher **place = &w->fetchers[policy->index];

    /* A reload has changed the number. */
    if (*place != NULL && w->connections[policy->index] != share_of(w, policy) && !w->calling &&
        fetcher_figures(*place)->fetches == 0) {
        fetcher_free(*place);
        *place = NULL;
    }
    if (*place == NULL) {
        *place = make(w, policy);
    }
    return *place;
}

enum larder_error origin_fetch(struct origin_worker *w, const struct group_policy *policy,
                               const struct fetch_request *request, const struct fetch_ops *ops, void *ctx) {
    struct fetcher *fetcher = fetcher_of(w, policy);
    struct fetch *fetch;

    return fetcher != NULL ? fetch_start(fetcher, request, ops, ctx, &fetch) : LARDER_ERROR_NO_MEMORY;
}

void origin_worker_end(struct origin_worker *w) {
    w->ended = true;
    for (unsigned i = 0; i < GROUP_MAX; i++) {
        fetcher_free(w->fetchers[i]);
        w->fetchers[i] = NULL;
    }
}
