/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ring/keeper_internal.h"

/* Only the control thread changes it, so that one may look at it without the lock. */
static struct keeper_view *newest_of(const struct keeper *keeper) {
    return atomic_load_explicit(&keeper->newest, memory_order_relaxed);
}

/* Takes the plan and a reference of the members. NULL: out of memory; then it takes nothing. */
static struct keeper_view *make_view(const struct keeper *keeper, struct membership *members,
                                     struct keeper_plan *plan) {
    struct keeper_view *view = malloc(sizeof(*view));

    if (view == NULL) {
        return NULL;
    }
    *view = (struct keeper_view){.serial = plan->serial,
                                 .members = membership_ref(members),
                                 .plan = plan,
                                 .owners = plan->owners,
                                 .self = plan->self,
                                 .era = keeper_era(plan->serial),
                                 .purges = keeper->purges,
                                 .has_prefixes = plan->prefixes != NULL};
    atomic_init(&view->refs, 1);
    return view;
}

/* With the lock. The view before is returned; its reference is to be given up without the lock. */
static struct keeper_view *publish(struct keeper *keeper, struct keeper_view *view) {
    struct keeper_view *last = newest_of(keeper);

    atomic_store_explicit(&keeper->serial, view->serial, memory_order_release);
    atomic_store_explicit(&keeper->newest, view, memory_order_release);
    return last;
}

/* Something could not be made: what is known is not acted by. */
static enum larder_error broken(struct keeper *keeper, enum larder_error error) {
    keeper->is_broken = true;
    keeper_set_authority(keeper, INT64_MIN, INT64_MIN);
    return error;
}

/* --- the same nodes, at a later revision --- */

static enum larder_error set_revision(struct keeper *keeper, struct membership *members) {
    struct keeper_view *last = newest_of(keeper);
    struct keeper_view *view = make_view(keeper, members, keeper_plan_ref(last->plan));

    if (view == NULL) {
        keeper_plan_unref(last->plan);
        return broken(keeper, LARDER_ERROR_NO_MEMORY);
    }
    pthread_mutex_lock(&keeper->lock);
    (void)publish(keeper, view);
    pthread_mutex_unlock(&keeper->lock);
    keeper_view_unref(last);
    return LARDER_OK;
}

/* --- other nodes --- */

/* The ring of those that serve; `ret_members` has their indexes among the members. */
static enum larder_error make_ring(const struct keeper *keeper, const struct membership *members, uint16_t *ret_members,
                                   struct ring **ret_ring) {
    struct slice names[RING_NODES_MAX];
    size_t count = 0;

    if (members->count > RING_NODES_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    for (size_t i = 0; i < members->count; i++) {
        if (members->members[i].algorithm == RING_ALGORITHM && !members->members[i].leaving) {
            names[count] = members->members[i].id;
            ret_members[count++] = (uint16_t)i;
        }
    }
    return ring_new(names, count, keeper->ring, ret_ring);
}

static void set_owners(struct keeper_plan *plan, const struct ring *ring, const uint16_t *members) {
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        uint16_t owner = ring_owner(ring, slot);

        plan->owners[slot] = owner == RING_NOBODY ? RING_NOBODY : members[owner];
    }
}

static void set_self(struct keeper_plan *plan, const struct keeper *keeper, const struct membership *members,
                     int64_t incarnation) {
    const struct member *member = membership_find(members, keeper->config.id);
    uint16_t index = member == NULL ? RING_NOBODY : (uint16_t)(member - members->members);
    bool is_ours = member != NULL && incarnation != 0 && member->incarnation == incarnation;

    plan->incarnation = incarnation;
    plan->self = is_ours ? index : RING_NOBODY;
    plan->namesake = is_ours ? RING_NOBODY : index;
}

static bool is_alone(const struct keeper_plan *plan, const struct membership *members) {
    for (size_t i = 0; i < members->count; i++) {
        if (i != plan->self && members->members[i].algorithm == RING_ALGORITHM) {
            return false;
        }
    }
    return true;
}

/* A node that came and is leaving already: while it served, some slots were its own. */
static bool has_passed_through(const struct membership *last, const struct membership *next) {
    for (size_t i = 0; i < next->count; i++) {
        const struct member *member = &next->members[i];
        const struct member *before = member->leaving ? membership_find(last, member->id) : member;

        if (before == NULL || before->incarnation != member->incarnation) {
            return true;
        }
    }
    return false;
}

/* While our authority lasts without a break, nobody has acted for what is ours, whatever changes we missed: he would have
 * asked us, or waited for its end. Only who passed through may do so later. */
static bool is_void(const struct keeper *keeper, const struct membership *members, bool gap, int64_t now_ns) {
    struct keeper_view *last = newest_of(keeper);

    return last != NULL && (gap || keeper->is_broken) &&
           (now_ns >= keeper_authority_ns(keeper) || has_passed_through(last->members, members));
}

/* With the lock: what was found out by the last view up to now is in the next one. */
static void succeed(struct keeper *keeper, struct keeper_plan *plan, const struct membership *members, bool void_,
                    int64_t now_ns) {
    struct keeper_view *last = newest_of(keeper);
    uint16_t places[RING_NODES_MAX];
    struct keeper_change change = {
        .places = places, .is_void = void_, .is_alone = is_alone(plan, members), .oldest = keeper->swept};

    if (last != NULL) {
        change.last = last->plan;
        keeper_match(last->members, members, places);
        if (now_ns >= last->plan->settles_ns) {
            atomic_store_explicit(&last->plan->settled, true, memory_order_release);
        }
        if (now_ns >= last->plan->handoff_until_ns) {
            atomic_store_explicit(&last->plan->closed, true, memory_order_release);
        }
    }
    keeper_succeed(plan, &change);
}

/* A plan that follows the newest one, with what does not depend on the slots. NULL: out of memory. */
static struct keeper_plan *make_plan(const struct keeper *keeper, size_t count) {
    const struct keeper_view *last = newest_of(keeper);
    struct keeper_plan *plan = keeper_plan_new(count);

    if (plan == NULL) {
        return NULL;
    }
    plan->serial = atomic_load_explicit(&keeper->serial, memory_order_relaxed) + 1;
    if (!keeper_carry_prefixes(plan, last != NULL ? last->plan : NULL, keeper->swept)) {
        keeper_plan_unref(plan);
        return NULL;
    }
    return plan;
}

static enum larder_error set_members(struct keeper *keeper, struct membership *members, int64_t incarnation, bool gap,
                                     bool void_, int64_t now_ns) {
    uint16_t serving[RING_NODES_MAX];
    struct ring *ring = NULL;
    enum larder_error error = make_ring(keeper, members, serving, &ring);
    struct keeper_view *view, *last = newest_of(keeper);
    struct keeper_plan *plan = error == LARDER_OK ? make_plan(keeper, members->count) : NULL;

    if (plan == NULL) {
        ring_free(ring);
        return broken(keeper, error != LARDER_OK ? error : LARDER_ERROR_NO_MEMORY);
    }
    plan->parted = gap || void_ || last == NULL ? plan->serial : last->plan->parted;
    plan->settles_ns = now_ns + keeper->config.lease_ns;
    plan->handoff_until_ns = now_ns + keeper->config.handoff_ns;
    set_owners(plan, ring, serving);
    set_self(plan, keeper, members, incarnation);
    view = make_view(keeper, members, plan);
    if (view == NULL) {
        ring_free(ring);
        keeper_plan_unref(plan);
        return broken(keeper, LARDER_ERROR_NO_MEMORY);
    }
    ring_free(keeper->ring);
    keeper->ring = ring;
    pthread_mutex_lock(&keeper->lock);
    succeed(keeper, plan, members, void_, now_ns);
    if (keeper->is_broken) { /* a purge may be missing */
        memset(plan->purged, view->era, sizeof(plan->purged));
    }
    last = publish(keeper, view);
    pthread_mutex_unlock(&keeper->lock);
    keeper_view_unref(last);
    keeper->is_broken = false;
    return LARDER_OK;
}

enum larder_error keeper_set_membership(struct keeper *keeper, struct membership *members, int64_t incarnation,
                                        bool gap, int64_t now_ns) {
    struct keeper_view *last = newest_of(keeper);
    bool void_ = is_void(keeper, members, gap, now_ns);

    if (last != NULL && !void_ && !keeper->is_broken && last->members->digest == members->digest &&
        last->plan->incarnation == incarnation) {
        return set_revision(keeper, members);
    }
    assert(!keeper_must_clear(keeper));
    return set_members(keeper, members, incarnation, gap, void_, now_ns);
}

/* --- a purge --- */

/* Which groups have a new era. */
struct purge {
    unsigned first;
    unsigned end;
};

/* All that is known stays, but for the era. */
static void succeed_purge(struct keeper *keeper, struct keeper_plan *plan, struct purge purge) {
    const struct keeper_plan *last = newest_of(keeper)->plan;
    uint16_t places[RING_NODES_MAX];
    struct keeper_change change = {.last = last, .places = places, .oldest = keeper->swept};

    plan->settles_ns = last->settles_ns;
    plan->handoff_until_ns = last->handoff_until_ns;
    plan->self = last->self;
    plan->namesake = last->namesake;
    plan->incarnation = last->incarnation;
    memcpy(plan->owners, last->owners, RING_SLOTS * sizeof(plan->owners[0]));
    for (size_t i = 0; i < last->count; i++) {
        places[i] = (uint16_t)i;
        atomic_init(&plan->findings[i].passed_over, atomic_load(&last->findings[i].passed_over));
        atomic_init(&plan->findings[i].follows, atomic_load(&last->findings[i].follows));
    }
    atomic_init(&plan->settled, atomic_load(&last->settled));
    atomic_init(&plan->closed, atomic_load(&last->closed));
    keeper_succeed(plan, &change);
    memset(plan->purged + purge.first, keeper_era(plan->serial), purge.end - purge.first);
}

/* Takes the plan, which follows the newest one. */
static enum larder_error publish_purge(struct keeper *keeper, struct keeper_plan *plan, struct purge purge) {
    struct keeper_view *last = newest_of(keeper);
    struct keeper_view *view;

    if (keeper->is_broken) { /* a purge may be missing */
        purge = (struct purge){0, KEEPER_GROUPS};
    }
    plan->self = last->self;
    view = make_view(keeper, last->members, plan);
    if (view == NULL) {
        keeper_plan_unref(plan);
        return broken(keeper, LARDER_ERROR_NO_MEMORY);
    }
    pthread_mutex_lock(&keeper->lock);
    succeed_purge(keeper, plan, purge);
    last = publish(keeper, view);
    pthread_mutex_unlock(&keeper->lock);
    keeper_view_unref(last);
    return LARDER_OK;
}

/* The plan of a purge is *ret_plan; NULL: there is none, as there is no view yet, or because of the error. */
static enum larder_error begin_purge(struct keeper *keeper, int64_t number, struct keeper_plan **ret_plan) {
    struct keeper_view *last = newest_of(keeper);

    assert(number >= keeper->purges);
    keeper->purges = number;
    *ret_plan = NULL;
    if (last == NULL) {
        return LARDER_OK;
    }
    assert(!keeper_must_clear(keeper));
    *ret_plan = make_plan(keeper, last->plan->count);
    return *ret_plan != NULL ? LARDER_OK : broken(keeper, LARDER_ERROR_NO_MEMORY);
}

enum larder_error keeper_purge(struct keeper *keeper, unsigned group, int64_t number) {
    const struct purge all = {0, KEEPER_GROUPS}, one = {group, group + 1};
    struct keeper_plan *plan;
    enum larder_error error = begin_purge(keeper, number, &plan);

    assert(group <= KEEPER_GROUPS);
    if (plan == NULL) {
        return error;
    }
    plan->parted = newest_of(keeper)->plan->parted;
    return publish_purge(keeper, plan, group == KEEPER_GROUPS ? all : one);
}

enum larder_error keeper_purge_prefix(struct keeper *keeper, unsigned group, struct slice prefix, int64_t number) {
    const struct purge none = {0, 0}, one = {group, group + 1};
    struct keeper_plan *plan;
    enum larder_error error = begin_purge(keeper, number, &plan);
    bool fits;

    assert(group < KEEPER_GROUPS);
    if (plan == NULL) {
        return error;
    }
    plan->parted = plan->serial;
    fits = keeper_add_prefix(plan, group, prefix, &error);
    if (error != LARDER_OK) {
        keeper_plan_unref(plan);
        return broken(keeper, error);
    }
    return publish_purge(keeper, plan, fits ? none : one);
}
