/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/keyspace_internal.h"

static void link_newest(struct known_queue *q, struct known_link *link) {
    *link = (struct known_link){.older = q->newest};
    if (q->newest != NULL) {
        q->newest->newer = link;
    } else {
        q->oldest = link;
    }
    q->newest = link;
}

/* Makes the neighbours of `link` point to these instead. */
static void relink(struct known_queue *q, const struct known_link *link, struct known_link *for_newer,
                   struct known_link *for_older) {
    if (link->newer != NULL) {
        link->newer->older = for_newer;
    } else {
        q->newest = for_newer;
    }
    if (link->older != NULL) {
        link->older->newer = for_older;
    } else {
        q->oldest = for_older;
    }
}

static void count_in(struct keyspace *ks, const struct known *k) {
    ks->queues[k->place].count++;
    ks->queues[k->place].bytes += known_bytes(k);
}

static void count_out(struct keyspace *ks, const struct known *k) {
    ks->queues[k->place].count--;
    ks->queues[k->place].bytes -= known_bytes(k);
}

static void enqueue(struct keyspace *ks, struct known *k) {
    count_in(ks, k);
    if (known_is_linked(k)) {
        link_newest(&ks->queues[k->place], known_link_of(k));
    }
}

static void dequeue(struct keyspace *ks, struct known *k) {
    count_out(ks, k);
    if (known_is_linked(k)) {
        struct known_link *link = known_link_of(k);

        relink(&ks->queues[k->place], link, link->older, link->newer);
    }
}

/* Puts `k` where `old` stands. */
static void take_over(struct keyspace *ks, struct known *old, struct known *k) {
    count_out(ks, old);
    count_in(ks, k);
    *known_link_of(k) = *known_link_of(old);
    relink(&ks->queues[k->place], known_link_of(old), known_link_of(k), known_link_of(k));
}

void keyspace_add(struct keyspace *ks, uint64_t hash, struct known *k) {
    known_index_insert(&ks->index, hash, k);
    key_tree_insert(&ks->order, &k->key);
    enqueue(ks, k);
}

void keyspace_swap(struct keyspace *ks, uint64_t hash, struct known *old, struct known *k) {
    known_index_replace(&ks->index, hash, old, k);
    key_tree_replace(&ks->order, &old->key, &k->key);
    if (k->place == old->place && known_is_linked(k)) {
        take_over(ks, old, k);
    } else {
        dequeue(ks, old);
        enqueue(ks, k);
    }
    known_free(old);
}

void keyspace_remove(struct keyspace *ks, uint64_t hash, struct known *k) {
    known_index_remove(&ks->index, hash, k);
    key_tree_remove(&ks->order, &k->key);
    dequeue(ks, k);
    known_free(k);
}

void keyspace_requeue(struct keyspace *ks, struct known *k, enum known_place place) {
    dequeue(ks, k);
    k->place = (uint8_t)place;
    enqueue(ks, k);
}
