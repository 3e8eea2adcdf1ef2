/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/lease.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 64, HEAP_MIN = 64, CHANGES_MIN = 64 };

#define NS_PER_S INT64_C(1000000000)

void lease_set_init(struct lease_set *set) {
    *set = (struct lease_set){0};
    pthread_mutex_init(&set->lock, NULL);
}

void lease_set_fini(struct lease_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        free(set->heap[i]);
    }
    free(set->heap);
    free(set->slots);
    pthread_mutex_destroy(&set->lock);
}

int64_t lease_ttl_granted(int64_t ttl) {
    return ttl < STORE_LEASE_TTL_MIN ? STORE_LEASE_TTL_MIN : ttl;
}

/* --- by id --- */

static struct lease **slot_of(const struct lease_set *set, int64_t id) {
    uint64_t hash = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);

    return &set->slots[(hash >> 32) & (set->slot_count - 1)];
}

static struct lease *find(const struct lease_set *set, int64_t id) {
    struct lease *lease = set->slot_count == 0 ? NULL : *slot_of(set, id);

    while (lease != NULL && lease->id != id) {
        lease = lease->next;
    }
    return lease;
}

static void put_in_slot(struct lease_set *set, struct lease *lease) {
    struct lease **slot = slot_of(set, lease->id);

    lease->next = *slot;
    *slot = lease;
}

static void take_from_slot(struct lease_set *set, const struct lease *lease) {
    struct lease **place = slot_of(set, lease->id);

    while (*place != lease) {
        place = &(*place)->next;
    }
    *place = lease->next;
}

static bool grow_slots(struct lease_set *set) {
    size_t count = set->slot_count == 0 ? SLOTS_MIN : set->slot_count * 2;
    struct lease **slots;

    if (set->count < set->slot_count) {
        return true;
    }
    slots = calloc(count, sizeof(struct lease *));
    if (slots == NULL) {
        return false;
    }
    free(set->slots);
    set->slots = slots;
    set->slot_count = count;
    for (size_t i = 0; i < set->count; i++) {
        put_in_slot(set, set->heap[i]);
    }
    return true;
}

/* --- by end --- */

static bool comes_before(const struct lease *a, const struct lease *b) {
    return a->end_ns < b->end_ns;
}

static void set_place(struct lease_set *set, size_t place, struct lease *lease) {
    set->heap[place] = lease;
    lease->place = place;
}

/* Brings a lease whose end has changed to its right place. */
static void sift(struct lease_set *set, struct lease *lease) {
    size_t at = lease->place;

    while (at > 0 && comes_before(lease, set->heap[(at - 1) / 2])) {
        set_place(set, at, set->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < set->count && comes_before(set->heap[child + 1], set->heap[child])) {
            child++;
        }
        if (child >= set->count || !comes_before(set->heap[child], lease)) {
            break;
        }
        set_place(set, at, set->heap[child]);
        at = child;
    }
    set_place(set, at, lease);
}

static bool grow_heap(struct lease_set *set) {
    size_t capacity = set->capacity == 0 ? HEAP_MIN : set->capacity * 2;
    struct lease **heap;

    if (set->count < set->capacity) {
        return true;
    }
    heap = realloc(set->heap, capacity * sizeof(struct lease *));
    if (heap == NULL) {
        return false;
    }
    set->heap = heap;
    set->capacity = capacity;
    return true;
}

static void take_from_heap(struct lease_set *set, const struct lease *lease) {
    size_t place = lease->place;
    struct lease *last = set->heap[--set->count];

    if (last != lease) {
        set_place(set, place, last);
        sift(set, last);
    }
}

/* --- the writer's --- */

/* The writer alone changes what these two read. */
struct lease *lease_find(struct lease_set *set, int64_t id) {
    struct lease *lease = find(set, id);

    return lease != NULL && !lease->ending ? lease : NULL;
}

static struct lease *add(struct lease_set *set, int64_t id, int64_t ttl, int64_t now_ns) {
    struct lease *lease;

    if (!grow_slots(set) || !grow_heap(set)) {
        return NULL;
    }
    lease = malloc(sizeof(*lease));
    if (lease == NULL) {
        return NULL;
    }
    *lease = (struct lease){.id = id, .ttl = ttl, .end_ns = now_ns + ttl * NS_PER_S, .place = set->count};
    put_in_slot(set, lease);
    set->heap[set->count++] = lease;
    sift(set, lease);
    return lease;
}

struct lease *lease_add(struct lease_set *set, int64_t id, int64_t ttl, int64_t now_ns) {
    struct lease *lease;

    pthread_mutex_lock(&set->lock);
    lease = add(set, id, ttl, now_ns);
    pthread_mutex_unlock(&set->lock);
    return lease;
}

static void unlink_key(struct key_entry *e) {
    if (e->lease != NULL) {
        *e->lease_place = e->lease_next;
        if (e->lease_next != NULL) {
            e->lease_next->lease_place = e->lease_place;
        }
        e->lease->key_count--;
        e->lease = NULL;
    }
}

void lease_drop(struct lease_set *set, struct lease *lease) {
    pthread_mutex_lock(&set->lock);
    while (lease->keys != NULL) {
        unlink_key(lease->keys);
    }
    take_from_slot(set, lease);
    take_from_heap(set, lease);
    pthread_mutex_unlock(&set->lock);
    free(lease);
}

void lease_set_ending(struct lease_set *set, struct lease *lease, bool ending) {
    pthread_mutex_lock(&set->lock);
    lease->ending = ending;
    pthread_mutex_unlock(&set->lock);
}

void lease_link(struct lease_set *set, struct key_entry *e) {
    const struct version *newest = e->count > 0 ? &e->versions[e->count - 1] : NULL;
    int64_t id = newest != NULL && newest->number > 0 ? newest->lease : 0;
    struct lease *lease;

    if (id == 0 && e->lease == NULL) {
        return;
    }
    pthread_mutex_lock(&set->lock);
    lease = id != 0 ? find(set, id) : NULL;
    if (lease != e->lease) {
        unlink_key(e);
        if (lease != NULL) {
            e->lease = lease;
            e->lease_next = lease->keys;
            e->lease_place = &lease->keys;
            if (lease->keys != NULL) {
                lease->keys->lease_place = &e->lease_next;
            }
            lease->keys = e;
            lease->key_count++;
        }
    }
    pthread_mutex_unlock(&set->lock);
}

int64_t lease_next_end(struct lease_set *set) {
    int64_t end = INT64_MAX;

    pthread_mutex_lock(&set->lock);
    if (set->count > 0 && !set->heap[0]->ending) {
        end = set->heap[0]->end_ns;
    }
    pthread_mutex_unlock(&set->lock);
    return end;
}

/* Those that are ending keep to the top of the heap, so look below them. */
static struct lease *over_below(const struct lease_set *set, size_t at, int64_t now_ns) {
    struct lease *lease;

    if (at >= set->count || set->heap[at]->end_ns > now_ns) {
        return NULL;
    }
    if (!set->heap[at]->ending) {
        return set->heap[at];
    }
    lease = over_below(set, 2 * at + 1, now_ns);
    return lease != NULL ? lease : over_below(set, 2 * at + 2, now_ns);
}

struct lease *lease_over(struct lease_set *set, int64_t now_ns) {
    struct lease *lease;

    pthread_mutex_lock(&set->lock);
    lease = over_below(set, 0, now_ns);
    pthread_mutex_unlock(&set->lock);
    return lease;
}

/* --- any thread's --- */

static int64_t remaining_s(const struct lease *lease, int64_t now_ns) {
    int64_t left = lease->end_ns - now_ns;

    return left > 0 ? left / NS_PER_S : 0;
}

static int compare_keys(const void *a, const void *b) {
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static enum store_status list_keys(const struct lease *lease, struct arena *arena, struct store_result *result) {
    size_t count = 0;

    result->keys = arena_calloc(arena, lease->key_count + 1, sizeof(*result->keys));
    if (result->keys == NULL) {
        return STORE_NO_MEMORY;
    }
    for (const struct key_entry *e = lease->keys; e != NULL; e = e->lease_next) {
        if (!arena_copy(arena, key_entry_key(e), &result->keys[count++])) {
            return STORE_NO_MEMORY;
        }
    }
    qsort(result->keys, count, sizeof(*result->keys), compare_keys);
    result->count = (int64_t)count;
    return STORE_OK;
}

static int compare_ends(const void *a, const void *b) {
    const struct lease *left = *(struct lease *const *)a;
    const struct lease *right = *(struct lease *const *)b;

    return comes_before(right, left) - comes_before(left, right);
}

/* The one that ends first comes first, as in etcd. */
static enum store_status list(const struct lease_set *set, struct arena *arena, struct store_result *result) {
    struct lease **leases = arena_alloc(arena, set->count * sizeof(struct lease *));
    size_t count = 0;

    result->ids = arena_calloc(arena, set->count, sizeof(*result->ids));
    if (leases == NULL || result->ids == NULL) {
        return STORE_NO_MEMORY;
    }
    if (set->count > 0) {
        memcpy(leases, set->heap, set->count * sizeof(struct lease *));
        qsort(leases, set->count, sizeof(struct lease *), compare_ends);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (!leases[i]->ending) {
            result->ids[count++] = leases[i]->id;
        }
    }
    result->count = (int64_t)count;
    return STORE_OK;
}

static enum store_status answer(struct lease_set *set, const struct store_op *op, int64_t now_ns, struct arena *arena,
                                struct store_result *result) {
    struct lease *lease;

    if (op->kind == STORE_OP_LEASE_LIST) {
        return list(set, arena, result);
    }
    lease = find(set, op->lease.id);
    result->lease = op->lease.id;
    if (lease == NULL || lease->ending) {
        result->ttl = op->kind == STORE_OP_LEASE_TTL ? -1 : 0;
        return op->kind == STORE_OP_LEASE_TTL ? STORE_OK : STORE_LEASE_NOT_FOUND;
    }
    result->granted_ttl = lease->ttl;
    if (op->kind == STORE_OP_LEASE_KEEP_ALIVE) {
        lease->end_ns = now_ns + lease->ttl * NS_PER_S;
        sift(set, lease);
        result->ttl = lease->ttl;
        return STORE_OK;
    }
    result->ttl = remaining_s(lease, now_ns);
    return op->lease.want_keys ? list_keys(lease, arena, result) : STORE_OK;
}

enum store_status lease_answer(struct lease_set *set, const struct store_op *op, int64_t now_ns, struct arena *arena,
                               struct store_result *result) {
    enum store_status status;

    pthread_mutex_lock(&set->lock);
    status = answer(set, op, now_ns, arena, result);
    pthread_mutex_unlock(&set->lock);
    return status;
}

static int compare_ids(const void *a, const void *b) {
    int64_t left = ((const struct lease_change *)a)->id;
    int64_t right = ((const struct lease_change *)b)->id;

    return (left > right) - (left < right);
}

bool lease_list(struct lease_set *set, struct lease_change **ret_leases, size_t *ret_count) {
    struct lease_change *leases;
    size_t count = 0;

    pthread_mutex_lock(&set->lock);
    leases = malloc((set->count + 1) * sizeof(*leases));
    for (size_t i = 0; leases != NULL && i < set->count; i++) {
        if (!set->heap[i]->ending) {
            leases[count++] = (struct lease_change){.id = set->heap[i]->id, .ttl = set->heap[i]->ttl};
        }
    }
    pthread_mutex_unlock(&set->lock);
    if (leases != NULL) {
        qsort(leases, count, sizeof(*leases), compare_ids);
    }
    *ret_leases = leases;
    *ret_count = count;
    return leases != NULL;
}

size_t lease_count(struct lease_set *set) {
    size_t count;

    pthread_mutex_lock(&set->lock);
    count = set->count;
    pthread_mutex_unlock(&set->lock);
    return count;
}

bool lease_changes_add(struct lease_changes *c, int64_t id, int64_t ttl) {
    if (c->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? CHANGES_MIN : c->capacity * 2;
        struct lease_change *changes = realloc(c->changes, capacity * sizeof(*changes));

        if (changes == NULL) {
            return false;
        }
        c->changes = changes;
        c->capacity = capacity;
    }
    c->changes[c->count++] = (struct lease_change){.id = id, .ttl = ttl};
    return true;
}
