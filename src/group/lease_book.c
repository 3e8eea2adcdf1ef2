/* SPDX-License-Identifier: Apache-2.0 */
#include "group/lease_book.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

enum larder_error lease_book_init(struct lease_book *book) {
    book->slots = calloc(LEASE_BOOK_SLOTS, sizeof(*book->slots));
    if (book->slots == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    pthread_mutex_init(&book->lock, NULL);
    return LARDER_OK;
}

void lease_book_fini(struct lease_book *book) {
    if (book->slots != NULL) {
        pthread_mutex_destroy(&book->lock);
        free(book->slots);
        book->slots = NULL;
    }
}

/* Clients choose how long keys live, but whoever made others share a slot would only make them be granted more leases. */
static struct lease_slot *slot_of(const struct lease_book *book, unsigned group, int64_t second) {
    const int64_t key[2] = {group, second};

    return &book->slots[hash_key(slice_make((const char *)key, sizeof(key)), 0) & (LEASE_BOOK_SLOTS - 1)];
}

static bool is_of(const struct lease_slot *slot, unsigned group, int64_t second) {
    return slot->group == group && slot->second == second;
}

static enum lease_book_answer find_in(struct lease_slot *slot, unsigned group, int64_t second, struct pending *p,
                                      int64_t *ret_lease) {
    if (slot->granting) {
        p->next = slot->waiting;
        slot->waiting = p;
        return LEASE_BOOK_WAIT;
    }
    if (slot->lease != 0 && is_of(slot, group, second)) {
        *ret_lease = slot->lease;
        return LEASE_BOOK_HAS;
    }
    *slot = (struct lease_slot){.group = group, .second = second, .granting = true};
    return LEASE_BOOK_ASKS;
}

enum lease_book_answer lease_book_find(struct lease_book *book, unsigned group, int64_t second, struct pending *p,
                                       int64_t *ret_lease) {
    enum lease_book_answer answer;

    pthread_mutex_lock(&book->lock);
    answer = find_in(slot_of(book, group, second), group, second, p, ret_lease);
    pthread_mutex_unlock(&book->lock);
    return answer;
}

/* In the order they came. */
static void post_all(struct pending *list) {
    list = pending_reverse(list);
    while (list != NULL) {
        struct pending *next = list->next;

        pending_post(list);
        list = next;
    }
}

void lease_book_granted(struct lease_book *book, unsigned group, int64_t second, int64_t lease) {
    struct lease_slot *slot = slot_of(book, group, second);
    struct pending *waiting;

    pthread_mutex_lock(&book->lock);
    assert(slot->granting && is_of(slot, group, second));
    waiting = slot->waiting;
    slot->waiting = NULL;
    slot->granting = false;
    slot->lease = lease;
    pthread_mutex_unlock(&book->lock);
    post_all(waiting);
}

void lease_book_forget(struct lease_book *book, unsigned group, int64_t second, int64_t lease) {
    struct lease_slot *slot = slot_of(book, group, second);

    pthread_mutex_lock(&book->lock);
    if (!slot->granting && is_of(slot, group, second) && slot->lease == lease) {
        slot->lease = 0;
    }
    pthread_mutex_unlock(&book->lock);
}
