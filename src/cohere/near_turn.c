/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cohere/near_internal.h"

/* When what is run. */

static void run_all(struct near_store *n) {
    int64_t now = clock_monotonic_ns();

    for (struct near_set *set = near_set_now(n); set != NULL; set = set->older) {
        for (size_t i = 0; i < set->count; i++) {
            near_part_run(set->parts[i], now);
        }
    }
    near_cross_run(n, now);
}

static int64_t earliest(const struct near_store *n) {
    int64_t at = n->poor != NULL ? 0 : near_cross_due(n);

    for (const struct near_set *set = near_set_now(n); set != NULL; set = set->older) {
        for (size_t i = 0; i < set->count; i++) {
            const struct near_part *part = set->parts[i];
            int64_t wish = part->touched || part->failed || part->must_wake ? 0 : part->wake_ns;

            at = wish < at ? wish : at;
        }
    }
    return at;
}

/* The timer is set once for all that was wished in a turn. */
static void settle_time(struct near_store *n) {
    int64_t at = earliest(n);

    if (n->ended || (at == n->wake_ns && at > clock_monotonic_ns())) {
        return;
    }
    n->wake_ns = at;
    etcd_store_wake_at(n->cluster, &n->guest, at);
}

void near_enter(struct near_store *n) {
    n->depth++;
}

void near_leave(struct near_store *n) {
    if (n->depth == 1) {
        run_all(n);
        if (n->poor != NULL) {
            near_give_way(n);
        }
        settle_time(n);
    }
    n->depth--;
}

void near_want_turn(struct near_store *n) {
    if (n->depth == 0) {
        settle_time(n);
    }
}
