/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ring/hot_copies.h"

enum { HOLDERS_AT_FIRST = 4, SWEEP_STEPS = 4 /* entries that are looked at for room */ };

struct holder {
    int64_t id;
    uint64_t granted; /* the number of his newest grant */
    int64_t until_ns;
};

/* A key with copies out there, or with writers. */
struct hot_entry {
    struct hot_entry *chain; /* of the bucket */
    struct hot_entry *prev;  /* by the time of the last grant */
    struct hot_entry *next;
    struct hot_writer *writers; /* while there are some the revocation is under way */
    uint64_t revoking;          /* its number */
    struct holder *holders;
    size_t count;
    size_t room;
    uint64_t hash;
    size_t key_size;
    char key[];
};

struct hot_ledger {
    struct hot_ledger_config config;
    struct hot_ledger_counts counts;
    uint64_t number; /* of the newest grant or revocation */
    struct hot_entry *first;
    struct hot_entry *last;
    size_t mask;
    struct hot_entry *buckets[];
};

enum larder_error hot_ledger_new(const struct hot_ledger_config *config, struct hot_ledger **ret_ledger) {
    struct hot_ledger *ledger;
    size_t buckets = 1;

    assert(config->keys_max > 0 && config->keys_max <= HOT_KEYS_MAX);
    assert(config->holders_max > 0 && config->holders_max <= HOT_HOLDERS_MAX);
    while (buckets < config->keys_max) {
        buckets *= 2;
    }
    ledger = calloc(1, sizeof(*ledger) + buckets * sizeof(struct hot_entry *));
    if (ledger == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    ledger->config = *config;
    ledger->mask = buckets - 1;
    *ret_ledger = ledger;
    return LARDER_OK;
}

void hot_ledger_count(const struct hot_ledger *ledger, struct hot_ledger_counts *ret_counts) {
    *ret_counts = ledger->counts;
}

/* --- the list by age, and the table --- */

static void unlist(struct hot_ledger *ledger, struct hot_entry *entry) {
    *(entry->prev == NULL ? &ledger->first : &entry->prev->next) = entry->next;
    *(entry->next == NULL ? &ledger->last : &entry->next->prev) = entry->prev;
}

static void list_last(struct hot_ledger *ledger, struct hot_entry *entry) {
    entry->prev = ledger->last;
    entry->next = NULL;
    *(ledger->last == NULL ? &ledger->first : &ledger->last->next) = entry;
    ledger->last = entry;
}

static struct hot_entry **place_of(struct hot_ledger *ledger, struct slice key, uint64_t hash) {
    struct hot_entry **place = &ledger->buckets[hash & ledger->mask];

    while (*place != NULL &&
           ((*place)->hash != hash || !slice_equal(slice_make((*place)->key, (*place)->key_size), key))) {
        place = &(*place)->chain;
    }
    return place;
}

static void release(struct hot_ledger *ledger, struct hot_entry *entry) {
    struct hot_entry **place = place_of(ledger, slice_make(entry->key, entry->key_size), entry->hash);

    *place = entry->chain;
    unlist(ledger, entry);
    ledger->counts.keys--;
    free(entry->holders);
    free(entry);
}

void hot_ledger_free(struct hot_ledger *ledger) {
    if (ledger == NULL) {
        return;
    }
    while (ledger->first != NULL) {
        assert(ledger->first->writers == NULL);
        release(ledger, ledger->first);
    }
    free(ledger);
}

/* Holders whose time is over are holders no more. */
static void settle(struct hot_ledger *ledger, struct hot_entry *entry, int64_t now_ns) {
    size_t left = 0;

    for (size_t i = 0; i < entry->count; i++) {
        if (entry->holders[i].until_ns > now_ns) {
            entry->holders[left++] = entry->holders[i];
        }
    }
    if (entry->writers != NULL) {
        ledger->counts.expired += entry->count - left;
    }
    entry->count = left;
}

static bool is_empty(const struct hot_entry *entry) {
    return entry->count == 0 && entry->writers == NULL;
}

/* --- grants --- */

static void sweep(struct hot_ledger *ledger, int64_t now_ns) {
    for (int i = 0; i < SWEEP_STEPS && ledger->counts.keys == ledger->config.keys_max; i++) {
        struct hot_entry *entry = ledger->first;

        settle(ledger, entry, now_ns);
        if (is_empty(entry)) {
            release(ledger, entry);
        } else {
            unlist(ledger, entry);
            list_last(ledger, entry);
        }
    }
}

static struct hot_entry *new_entry(struct hot_ledger *ledger, struct slice key, uint64_t hash, int64_t now_ns) {
    struct hot_entry *entry;

    sweep(ledger, now_ns);
    if (ledger->counts.keys == ledger->config.keys_max) {
        return NULL;
    }
    entry = calloc(1, sizeof(*entry) + key.size);
    if (entry == NULL) {
        return NULL;
    }
    entry->hash = hash;
    entry->key_size = key.size;
    memcpy(entry->key, key.data, key.size);
    entry->chain = ledger->buckets[hash & ledger->mask];
    ledger->buckets[hash & ledger->mask] = entry;
    list_last(ledger, entry);
    ledger->counts.keys++;
    return entry;
}

static bool grow(struct hot_ledger *ledger, struct hot_entry *entry) {
    size_t room = entry->room == 0 ? HOLDERS_AT_FIRST : 2 * entry->room;
    struct holder *holders;

    if (room > ledger->config.holders_max) {
        room = ledger->config.holders_max;
    }
    holders = room == entry->room ? NULL : realloc(entry->holders, room * sizeof(*holders));
    if (holders == NULL) {
        return false;
    }
    entry->holders = holders;
    entry->room = room;
    return true;
}

/* The one of this id, new if need be; NULL: no room. */
static struct holder *holder_of(struct hot_ledger *ledger, struct hot_entry *entry, int64_t id) {
    for (size_t i = 0; i < entry->count; i++) {
        if (entry->holders[i].id == id) {
            return &entry->holders[i];
        }
    }
    if (entry->count == entry->room && !grow(ledger, entry)) {
        return NULL;
    }
    entry->holders[entry->count] = (struct holder){.id = id, .until_ns = INT64_MIN};
    return &entry->holders[entry->count++];
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* What is left from now until then, of which none is asked for that has long been over. */
static int64_t left_until(int64_t then_ns, int64_t now_ns) {
    return then_ns <= now_ns ? 0 : then_ns == INT64_MAX ? INT64_MAX : then_ns - now_ns;
}

/* Rule 2: the owner's count of a lease, which ends after the holder's. */
static int64_t with_margin(int64_t lease_ns) {
    return lease_ns + lease_ns / (KEEPER_MARGIN - 1) + 1;
}

/* The longest lease of which even the slowest clock's end comes before `left_ns` have passed here. */
static int64_t without_margin(int64_t left_ns) {
    return left_ns - left_ns / KEEPER_MARGIN;
}

static int64_t lease_of(const struct hot_ledger *ledger, const struct hot_read *read, int64_t now_ns) {
    int64_t left = least(left_until(read->expires_ns, now_ns), left_until(read->authority_ns, now_ns));

    return least(ledger->config.lease_ns, without_margin(left));
}

static bool is_granted(const struct hot_ledger *ledger, const struct hot_read *read, const struct hot_entry *entry) {
    return read->is_hot && read->purges >= read->asker_purges && read->key.size <= HOT_KEY_MAX &&
           ledger->counts.revoking < ledger->config.revoking_max && (entry == NULL || entry->writers == NULL);
}

int64_t hot_grant(struct hot_ledger *ledger, const struct hot_read *read, int64_t now_ns) {
    struct hot_entry *entry = *place_of(ledger, read->key, read->hash);
    int64_t lease_ns = lease_of(ledger, read, now_ns);
    struct holder *holder;

    if (lease_ns <= 0 || !is_granted(ledger, read, entry)) {
        return 0;
    }
    if (entry == NULL) {
        entry = new_entry(ledger, read->key, read->hash, now_ns);
    } else {
        settle(ledger, entry, now_ns);
    }
    holder = entry == NULL ? NULL : holder_of(ledger, entry, read->holder);
    if (holder == NULL) {
        ledger->counts.limited++;
        if (entry != NULL && is_empty(entry)) {
            release(ledger, entry);
        }
        return 0;
    }
    holder->granted = ++ledger->number;
    if (holder->until_ns < now_ns + with_margin(lease_ns)) {
        holder->until_ns = now_ns + with_margin(lease_ns);
    }
    unlist(ledger, entry);
    list_last(ledger, entry);
    ledger->counts.granted++;
    return lease_ns;
}

/* --- changes --- */

static size_t list_revocations(struct hot_ledger *ledger, struct hot_entry *entry,
                               struct hot_revocation *ret_revocations) {
    entry->revoking = ++ledger->number;
    for (size_t i = 0; i < entry->count; i++) {
        ret_revocations[i] = (struct hot_revocation){.holder = entry->holders[i].id, .number = entry->revoking};
    }
    ledger->counts.revoked += entry->count;
    return entry->count;
}

static void join(struct hot_ledger *ledger, struct hot_entry *entry, struct hot_writer *writer) {
    ledger->counts.revoking += entry->writers == NULL;
    writer->entry = entry;
    writer->prev = NULL;
    writer->next = entry->writers;
    if (entry->writers != NULL) {
        entry->writers->prev = writer;
    }
    entry->writers = writer;
}

static int64_t last_until(const struct hot_entry *entry) {
    int64_t until_ns = INT64_MIN;

    for (size_t i = 0; i < entry->count; i++) {
        until_ns = entry->holders[i].until_ns > until_ns ? entry->holders[i].until_ns : until_ns;
    }
    return until_ns;
}

bool hot_is_out(struct hot_ledger *ledger, struct slice key, uint64_t hash, int64_t now_ns) {
    struct hot_entry *entry = ledger->counts.keys == 0 ? NULL : *place_of(ledger, key, hash);

    if (entry == NULL) {
        return false;
    }
    settle(ledger, entry, now_ns);
    if (is_empty(entry)) {
        release(ledger, entry);
        return false;
    }
    return true;
}

enum hot_write hot_write_begin(struct hot_ledger *ledger, struct hot_writer *writer, struct slice key, uint64_t hash,
                               int64_t now_ns, struct hot_revocation *ret_revocations, size_t *ret_count) {
    struct hot_entry *entry = writer->entry != NULL      ? writer->entry
                              : ledger->counts.keys == 0 ? NULL
                                                         : *place_of(ledger, key, hash);

    *ret_count = 0;
    if (entry == NULL) {
        return HOT_GO;
    }
    settle(ledger, entry, now_ns);
    if (entry->count == 0) {
        if (is_empty(entry)) {
            release(ledger, entry);
        }
        return HOT_GO;
    }
    if (entry->writers == NULL) {
        *ret_count = list_revocations(ledger, entry, ret_revocations);
    }
    if (writer->entry == NULL) {
        join(ledger, entry, writer);
    }
    writer->until_ns = last_until(entry);
    return HOT_WAIT;
}

void hot_write_end(struct hot_ledger *ledger, struct hot_writer *writer) {
    struct hot_entry *entry = writer->entry;

    if (entry == NULL) {
        return;
    }
    *(writer->prev == NULL ? &entry->writers : &writer->prev->next) = writer->next;
    if (writer->next != NULL) {
        writer->next->prev = writer->prev;
    }
    writer->entry = NULL;
    ledger->counts.revoking -= entry->writers == NULL;
    if (is_empty(entry)) {
        release(ledger, entry);
    }
}

static void forget(struct hot_ledger *ledger, struct hot_entry *entry, int64_t id, uint64_t number) {
    for (size_t i = 0; i < entry->count; i++) {
        if (entry->holders[i].id == id && entry->holders[i].granted < number) {
            entry->holders[i] = entry->holders[--entry->count];
            ledger->counts.answered++;
            return;
        }
    }
}

struct hot_writer *hot_answered(struct hot_ledger *ledger, struct slice key, uint64_t hash, int64_t holder,
                                uint64_t number, int64_t now_ns) {
    struct hot_entry *entry = *place_of(ledger, key, hash);

    if (entry == NULL || number > entry->revoking) {
        return NULL;
    }
    settle(ledger, entry, now_ns);
    forget(ledger, entry, holder, number);
    if (entry->count > 0) {
        return NULL;
    }
    if (entry->writers == NULL) {
        release(ledger, entry);
        return NULL;
    }
    for (struct hot_writer *w = entry->writers; w != NULL; w = w->next) {
        w->ready = w->next;
    }
    return entry->writers;
}
