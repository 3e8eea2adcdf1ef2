/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_LINE_ENTRY_H
#define LARDER_LIBRARY_ETCD_LINE_ENTRY_H

#include "library/etcd/asker.h"
#include "library/etcd/line_txn.h"

/* Somebody on his way to the front of a line. One question at a time is under way, or there is a watch of whoever stands before him;
 * nothing here waits. */

enum line_step {
    LINE_JOINING,   /* puts the key, or finds it there */
    LINE_REWRITING, /* it was there with another value */
    LINE_LOOKING,   /* for who is before */
    LINE_WATCHING,  /* whether he goes */
};

struct line_entry {
    struct asker asker;         /* first */
    enum larder_status outcome; /* NOTHING: there is none yet */
    enum line_step step;
    struct place *place; /* NULL: somebody else's now */
    struct inquiry question;
    struct line_txn asked; /* by the question */
    struct larder_etcd_watch *watch;
    int64_t deadline_ns; /* after which nothing is tried again; INT64_MAX: never */
    struct slice value;  /* of the key; behind the struct, as the next is */
    char *end;           /* of the line's prefix */
    struct inquiry farewell;
    struct line_txn left; /* by it */
};

/* Begins: the key is on its way. Errors: those of place_new, SYSTEM. */
enum larder_status line_entry_new(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                  struct slice value, int64_t deadline_ns, struct line_entry **ret_entry,
                                  char *ret_message);

/* DONE: it is the first. NOTHING: not yet; the flag will say when it is worth to call again. TAKEN: it was not in time. LOST, or
 * another error. */
enum larder_status line_entry_next(struct line_entry *entry, char *ret_message);

/* Waits until it is worth to call line_entry_next; for another one to go, until the deadline. False: that is over. */
bool line_entry_wait(struct line_entry *entry);

/* The same for the caller of the library, who gets the place with DONE. Beside that: FORKED, ENDED. */
enum larder_status line_entry_hand(struct line_entry *entry, struct place **ret_place, char *ret_message);

/* Hands the place over: there is no question under way. */
struct place *line_entry_take(struct line_entry *entry);

/* Whether the key may be there, so that it has to be deleted. */
bool line_entry_is_in(const struct line_entry *entry);

/* NULL is allowed. Gives it up without waiting: the place is left behind what is under way, if it was not handed over. */
void line_entry_free(struct line_entry *entry);

#endif
