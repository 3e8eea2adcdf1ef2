/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_LEASE_BOOK_H
#define LARDER_GROUP_LEASE_BOOK_H

#include <pthread.h>

#include "base/error.h"
#include "group/pending.h"

/* Which lease the keys of a group have that end in the same second: one for all of them. It is only a memory of leases
 * that were granted: what it forgets is granted again, and what it remembers may be gone, as the store then says. Shared
 * by all workers; its lock is held for a look or a change and no other is taken under it.
 *
 * Whoever asks first for a group and second grants the lease, and the others wait for that. */
enum { LEASE_BOOK_SLOTS = 4096 };

struct lease_slot {
    struct pending *waiting; /* for what is being granted, the newest first */
    int64_t second;
    int64_t lease; /* 0: none */
    unsigned group;
    bool granting;
};

struct lease_book {
    pthread_mutex_t lock;
    struct lease_slot *slots; /* each serves all groups and seconds of a hash, for one of them at a time */
};

/* Errors: NO_MEMORY. */
enum larder_error lease_book_init(struct lease_book *book);
void lease_book_fini(struct lease_book *book);

enum lease_book_answer {
    LEASE_BOOK_HAS,  /* *ret_lease */
    LEASE_BOOK_ASKS, /* the caller shall grant it, and then call lease_book_granted, whatever came of it */
    LEASE_BOOK_WAIT, /* `p` is posted when it is worth asking again */
};

/* Looks up the lease of `group` that ends in `second` (any clock's, but the same for all callers). */
enum lease_book_answer lease_book_find(struct lease_book *book, unsigned group, int64_t second, struct pending *p,
                                       int64_t *ret_lease);

/* Ends what LEASE_BOOK_ASKS began. `lease` is 0 if it was not granted: then the next one who asks is to try. */
void lease_book_granted(struct lease_book *book, unsigned group, int64_t second, int64_t lease);

/* The store does not know this lease any more. */
void lease_book_forget(struct lease_book *book, unsigned group, int64_t second, int64_t lease);

#endif
