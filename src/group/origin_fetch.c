/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "group/origin_internal.h"
#include "group/shared.h"

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

/* To the origin and to the members of the group's pool together. As each of them has the worker's share at most, some may hang
 * and the others are asked nevertheless. */
enum { POOL_SHARES = 8 };

static unsigned total_of(const struct origin_worker *w, const struct group_policy *policy) {
    return share_of(w, policy) * (policy->origin.pool != NULL ? POOL_SHARES : 1);
}

/* --- the log --- */

static void on_error(void *ctx, const char *origin, enum larder_error error, const char *why) {
    struct origin_trouble *trouble = ctx;
    const struct group_set *groups = *trouble->worker->groups;
    int64_t now_ns = clock_monotonic_ns();

    if (trouble->worker->ended) {
        return;
    }
    if (trouble->told_ns != 0 && now_ns - trouble->told_ns < ORIGIN_TROUBLE_NS) {
        trouble->untold++;
        return;
    }
    log_warn("an origin does not answer as it should",
             log_slice("group", group_policy_name(&groups->policies[trouble->group])), log_string("origin", origin),
             log_string("reason", larder_error_text(error)), log_string("detail", why),
             log_number("others", (int64_t)trouble->untold));
    trouble->told_ns = now_ns;
    trouble->untold = 0;
}

/* --- fetchers --- */

static const char *ca_of(const struct group_policy *policy) {
    return policy->origin.ca[0] != '\0' ? policy->origin.ca : NULL;
}

static struct fetcher *make(struct origin_worker *w, const struct group_policy *policy) {
    const struct fetcher_config config = {
        .connections = total_of(w, policy),
        .connections_per_host = share_of(w, policy),
        .fetches = ORIGIN_FLIGHTS_MAX,
        .connect_timeout_ns =
            policy->origin.timeout_ns < CONNECT_TIMEOUT_NS ? policy->origin.timeout_ns : CONNECT_TIMEOUT_NS,
        .idle_ns = IDLE_NS,
        .life_ns = LIFE_NS,
        .name_ns = NAME_NS,
        .ca_file = ca_of(policy),
        .on_error = on_error,
        .ctx = &w->troubles[policy->index],
    };

    w->troubles[policy->index].worker = w;
    w->troubles[policy->index].group = policy->index;
    return fetcher_new(w->loop, &config);
}

/* Before a reload, maybe. */
static bool is_made_so(const struct fetcher *fetcher, const struct origin_worker *w,
                       const struct group_policy *policy) {
    const struct fetcher_config *config = fetcher_made_with(fetcher);
    const char *ca = ca_of(policy);

    return config->connections == total_of(w, policy) && config->connections_per_host == share_of(w, policy) &&
           (config->ca_file == NULL) == (ca == NULL) && (ca == NULL || strcmp(config->ca_file, ca) == 0);
}

/* Each group has connections of its own, so that an origin that hangs takes none from another's. */
static struct fetcher *fetcher_of(struct origin_worker *w, const struct group_policy *policy) {
    struct fetcher **place = &w->fetchers[policy->index];

    if (*place != NULL && !is_made_so(*place, w, policy) && !w->calling && fetcher_figures(*place)->fetches == 0) {
        fetcher_free(*place);
        *place = NULL;
    }
    if (*place == NULL) {
        *place = make(w, policy);
    }
    return *place;
}

enum larder_error origin_fetch(struct origin_worker *w, const struct group_policy *policy,
                               const struct fetch_request *request, const struct fetch_ops *ops, void *ctx,
                               struct fetch **ret_fetch) {
    struct fetcher *fetcher = fetcher_of(w, policy);

    return fetcher != NULL ? fetch_start(fetcher, request, ops, ctx, ret_fetch) : LARDER_ERROR_NO_MEMORY;
}

void origin_worker_end(struct origin_worker *w) {
    w->ended = true;
    if (w->shared != NULL) {
        hot_changes_expire(&w->shared->copied, w->shared->shared->hot,
                           INT64_MAX); /* what is not fetched any more, but lands */
    }
    for (unsigned i = 0; i < GROUP_MAX; i++) {
        fetcher_free(w->fetchers[i]);
        w->fetchers[i] = NULL;
    }
}
