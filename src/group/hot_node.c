/* SPDX-License-Identifier: Apache-2.0 */
#include "group/hot_node.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
    SHARD_KEYS_MIN = 16, /* of one ledger or shelf, however many shards there are */
    SHARD_REVOKING_MIN = 16,
};

struct place {
    struct hot_ledger *ledger; /* NULL: nothing was ever granted */
    struct hot_shelf *shelf;   /* NULL: nothing was ever put in, or revoked */
    atomic_bool has_copies;    /* the shelf's; read without the lock, as a hint */
};

struct hot_node {
    struct hot_node_config config;
    struct hot_ledger_config ledger;
    struct hot_shelf_config shelf;
    unsigned shards;       /* of the table */
    struct place places[]; /* as these */
};

static size_t at_least(size_t a, size_t b) {
    return a > b ? a : b;
}

enum larder_error hot_node_new(const struct hot_node_config *config, struct hot_node **ret_node) {
    unsigned shards = config->table->shard_count;
    struct hot_node *node = calloc(1, sizeof(*node) + shards * sizeof(struct place));

    if (node == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    node->config = *config;
    node->shards = shards;
    node->ledger = (struct hot_ledger_config){
        .lease_ns = config->lease_ns,
        .keys_max = at_least(HOT_NODE_KEYS / shards, SHARD_KEYS_MIN),
        .holders_max = HOT_HOLDERS_MAX,
        .revoking_max = at_least(HOT_NODE_REVOKING / shards, SHARD_REVOKING_MIN),
    };
    node->shelf = (struct hot_shelf_config){
        .keys_max = at_least(HOT_NODE_KEYS / shards, SHARD_KEYS_MIN),
        .bytes_max = config->bytes / shards,
    };
    for (unsigned i = 0; i < shards; i++) {
        atomic_init(&node->places[i].has_copies, false);
    }
    *ret_node = node;
    return LARDER_OK;
}

void hot_node_free(struct hot_node *node) {
    if (node == NULL) {
        return;
    }
    for (unsigned i = 0; i < node->shards; i++) { /* the table may be gone */
        hot_ledger_free(node->places[i].ledger);
        hot_shelf_free(node->places[i].shelf);
    }
    free(node);
}

int64_t hot_node_wait_ns(const struct hot_node *node) {
    return node == NULL ? 0 : node->config.lease_ns + node->config.lease_ns / (KEEPER_MARGIN - 1) + 1;
}

static struct place *place_of(struct hot_node *node, uint64_t hash) {
    return &node->places[table_shard(node->config.table, hash) - node->config.table->shards];
}

static void add_ledger(struct hot_ledger_counts *sum, const struct hot_ledger *ledger) {
    struct hot_ledger_counts c;

    hot_ledger_count(ledger, &c);
    sum->granted += c.granted;
    sum->revoked += c.revoked;
    sum->answered += c.answered;
    sum->expired += c.expired;
    sum->limited += c.limited;
    sum->keys += c.keys;
    sum->revoking += c.revoking;
}

static void add_shelf(struct hot_shelf_counts *sum, const struct hot_shelf *shelf) {
    struct hot_shelf_counts c;

    hot_shelf_count(shelf, &c);
    sum->put += c.put;
    sum->served += c.served;
    sum->late += c.late;
    sum->revoked += c.revoked;
    sum->pushed += c.pushed;
    sum->keys += c.keys;
    sum->bytes += c.bytes;
}

void hot_node_count(struct hot_node *node, struct hot_node_counts *ret_counts) {
    *ret_counts = (struct hot_node_counts){.ledger.keys = 0};
    for (unsigned i = 0; i < node->shards; i++) {
        struct shard *s = &node->config.table->shards[i];
        const struct place *place = &node->places[i];

        pthread_mutex_lock(&s->lock);
        if (place->ledger != NULL) {
            add_ledger(&ret_counts->ledger, place->ledger);
        }
        if (place->shelf != NULL) {
            add_shelf(&ret_counts->shelf, place->shelf);
        }
        table_unlock(s);
    }
}

/* --- changes --- */

bool hot_node_may_change(struct hot_node *node, struct slice key, uint64_t hash, struct hot_change *change,
                         struct hot_revocations *ret_revocations) {
    struct hot_ledger *ledger = place_of(node, hash)->ledger;

    if (ledger == NULL) {
        return true;
    }
    if (change == NULL) {
        return !hot_is_out(ledger, key, hash, clock_monotonic_ns());
    }
    change->hash = hash;
    if (hot_write_begin(ledger, &change->writer, key, hash, clock_monotonic_ns(), ret_revocations->list,
                        &ret_revocations->count) == HOT_WAIT) {
        change->waits = true;
        return false;
    }
    hot_write_end(ledger, &change->writer); /* the lock is not left before it is done */
    return true;
}

void hot_change_end(struct hot_node *node, struct hot_change *change) {
    if (change->writer.entry != NULL) {
        struct shard *s = table_lock(node->config.table, change->hash);

        change->waits = false;
        hot_write_end(place_of(node, change->hash)->ledger, &change->writer);
        table_unlock(s);
    }
}

/* Under the lock. Whoever posts it first does so alone. */
static void wake(struct hot_change *change) {
    if (change->waits) {
        change->waits = false;
        pending_post(change->pending);
    }
}

static struct hot_change *change_of(struct hot_writer *writer) {
    return (struct hot_change *)(void *)((char *)writer - offsetof(struct hot_change, writer));
}

void hot_node_answered(struct hot_node *node, struct slice key, uint64_t hash, int64_t holder, uint64_t number) {
    struct shard *s = table_lock(node->config.table, hash);
    struct hot_ledger *ledger = place_of(node, hash)->ledger;
    struct hot_writer *writer =
        ledger != NULL ? hot_answered(ledger, key, hash, holder, number, clock_monotonic_ns()) : NULL;

    for (; writer != NULL; writer = writer->ready) {
        wake(change_of(writer));
    }
    table_unlock(s);
}

/* They are nearly always due in the order in which they come. */
void hot_changes_add(struct hot_changes *changes, struct hot_change *change, int64_t deadline_ns) {
    struct hot_change *before = changes->last;

    change->due_ns = change->writer.until_ns < deadline_ns ? change->writer.until_ns : deadline_ns;
    while (before != NULL && before->due_ns > change->due_ns) {
        before = before->previous;
    }
    change->previous = before;
    change->next = before != NULL ? before->next : changes->first;
    *(before != NULL ? &before->next : &changes->first) = change;
    *(change->next != NULL ? &change->next->previous : &changes->last) = change;
    change->listed = true;
}

void hot_changes_remove(struct hot_changes *changes, struct hot_change *change) {
    if (change->listed) {
        change->listed = false;
        *(change->previous != NULL ? &change->previous->next : &changes->first) = change->next;
        *(change->next != NULL ? &change->next->previous : &changes->last) = change->previous;
    }
}

void hot_changes_expire(struct hot_changes *changes, struct hot_node *node, int64_t now_ns) {
    while (hot_changes_due(changes) <= now_ns && changes->first != NULL) {
        struct hot_change *change = changes->first;
        struct shard *s = table_lock(node->config.table, change->hash);

        hot_changes_remove(changes, change);
        wake(change);
        table_unlock(s);
    }
}

/* --- grants --- */

static int64_t authority_ns(const struct hot_node *node) {
    return node->config.serve_isolated ? INT64_MAX : keeper_authority_ns(node->config.keeper);
}

int64_t hot_node_left_ns(const struct hot_node *node, uint32_t expires) {
    int64_t ends_ns = node->config.start_ns + ((int64_t)expires - TABLE_EPOCH) * CLOCK_NS_PER_S;
    int64_t now_ns = clock_monotonic_ns();

    return expires == ENTRY_NEVER ? INT64_MAX : ends_ns > now_ns ? ends_ns - now_ns : 0;
}

int64_t hot_node_grant(struct hot_node *node, const struct hot_node_read *read) {
    struct place *place = place_of(node, read->hash);
    int64_t now_ns = clock_monotonic_ns(); /* after it was sent */
    const struct hot_read hot = {
        .key = read->key,
        .hash = read->hash,
        .holder = read->stamp->asker,
        .is_hot = true, /* by the asker's count */
        .expires_ns = read->left_ns == INT64_MAX ? INT64_MAX : now_ns + read->left_ns,
        .authority_ns = authority_ns(node),
        .purges = read->view->purges,
        .asker_purges = read->stamp->purges,
    };

    if (!read->stamp->keeps || read->stamp->asker == 0 || read->view->self == RING_NOBODY ||
        (place->ledger == NULL && hot_ledger_new(&node->ledger, &place->ledger) != LARDER_OK)) {
        return 0;
    }
    return hot_grant(place->ledger, &hot, now_ns);
}

/* --- the holder --- */

static void free_value(struct blob *blob) {
    struct hot_value *value = (struct hot_value *)(void *)blob;

    if (value->backing != NULL) {
        blob_unref(value->backing);
    }
    free(value);
}

struct hot_value *hot_value_new(const struct item *item, struct blob *backing) {
    size_t size = backing == NULL ? item->value.size : 0;
    struct hot_value *value = malloc(sizeof(*value) + size);

    if (value == NULL) {
        return NULL;
    }
    *value = (struct hot_value){
        .backing = backing,
        .value = item->value,
        .cas = item->cas,
        .client_flags = item->client_flags,
        .head_size = item->head_size,
    };
    blob_init(&value->blob, free_value);
    if (backing != NULL) {
        blob_ref(backing);
    } else {
        value->value.data = value->data;
        if (size > 0) {
            memcpy(value->data, item->value.data, size);
        }
    }
    return value;
}

bool hot_node_has_copies(const struct hot_node *node, uint64_t hash) {
    const struct table *table = node->config.table;
    const struct place *place = &node->places[table_shard(table, hash) - table->shards];

    return atomic_load_explicit(&place->has_copies, memory_order_relaxed);
}

/* Under the lock, after the shelf has changed. */
static void renew_hint(struct place *place) {
    struct hot_shelf_counts counts;

    hot_shelf_count(place->shelf, &counts);
    atomic_store_explicit(&place->has_copies, counts.keys > 0, memory_order_relaxed);
}

struct hot_value *hot_node_find(struct hot_node *node, struct slice key, uint64_t hash, const struct keeper_view *view,
                                int64_t now_ns) {
    struct place *place = place_of(node, hash);
    struct blob *blob;

    if (place->shelf == NULL || view->self == RING_NOBODY || !keeper_is_newest(node->config.keeper, view)) {
        return NULL;
    }
    blob = hot_find(place->shelf, key, hash, view->serial, authority_ns(node), now_ns);
    if (blob == NULL) {
        renew_hint(place);
    }
    return (struct hot_value *)(void *)blob;
}

/* False: there is no memory for it. */
static bool has_shelf(struct hot_node *node, struct place *place) {
    return place->shelf != NULL || hot_shelf_new(&node->shelf, &place->shelf) == LARDER_OK;
}

void hot_node_put(struct hot_node *node, const struct hot_copy *copy, const struct keeper_view *newest) {
    struct shard *s = table_lock(node->config.table, copy->hash);
    struct place *place = place_of(node, copy->hash);

    /* What a view says that is not the newest any more is not asked for: it is late then. */
    if (has_shelf(node, place) && keeper_is_newest(node->config.keeper, newest)) {
        (void)hot_put(place->shelf, copy, newest->serial, clock_monotonic_ns());
        renew_hint(place);
    }
    table_unlock(s);
}

bool hot_node_revoke(struct hot_node *node, struct slice key, uint64_t hash) {
    struct shard *s = table_lock(node->config.table, hash);
    struct place *place = place_of(node, hash);
    bool done = has_shelf(node, place);

    if (done) {
        hot_revoke(place->shelf, key, hash, clock_monotonic_ns());
        renew_hint(place);
    }
    table_unlock(s);
    return done;
}

void hot_node_drop(struct hot_node *node, int64_t owner) {
    for (unsigned i = 0; i < node->shards; i++) {
        struct shard *s = &node->config.table->shards[i];
        struct place *place = &node->places[i];

        pthread_mutex_lock(&s->lock);
        if (place->shelf != NULL) {
            hot_drop(place->shelf, owner, clock_monotonic_ns());
            renew_hint(place);
        }
        table_unlock(s);
    }
}
