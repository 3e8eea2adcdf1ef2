/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_LINE_H
#define LARDER_LIBRARY_ETCD_LINE_H

#include "base/slice.h"
#include "library/etcd/kept.h"
#include "store/store.h"

/* Lines as etcd's package concurrency has them, for locks and elections: those who stand in the line NAME have a key NAME/LEASE
 * each, on that lease; the oldest key is the first. */

/* One's own place in a line. */
struct place {
    struct larder_etcd_lease *lease;
    struct place *next; /* of the lease's; under its lock, as `flag` is */
    int flag;           /* raised when the lease is lost; -1: none */
    char *key;          /* in the lease's client's memory */
    size_t key_size;    /* all of it */
    size_t prefix_size; /* the name and the slash: what all keys of the line begin with */
    int64_t revision;   /* the key's create_revision */
};

static inline struct slice place_key(const struct place *place) {
    return slice_make(place->key, place->key_size);
}

static inline struct slice place_prefix(const struct place *place) {
    return slice_make(place->key, place->prefix_size);
}

/* Errors: KEY, TOO_LARGE, BUSY (the lease stands there already), NO_MEMORY, FORKED. Nothing is asked yet. */
enum larder_status place_new(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                             struct place **ret_place, char *ret_message);
void place_free(struct place *place);

/* The same in two halves: it is not the lease's any more; and its memory is given back, on any thread. */
void place_unlist(struct place *place);
void place_drop(struct place *place, const struct larder_allocator *allocator);

/* From now on the flag (-1: none) is raised when the lease is lost; it may be already. */
void place_set_flag(struct place *place, int flag);

/* The lease is lost: raises the flags of its places. */
void place_raise_flags(struct larder_etcd_lease *lease);

/* Whether its lease lives. */
enum larder_status place_status(const struct place *place);

/* Takes a place, with `value`, and waits until it is the first; see larder_etcd_lock_take. */
enum larder_status line_enter(struct larder_etcd_lease *lease, const void *name, size_t name_size, struct slice value,
                              unsigned wait_ms, struct place **ret_place, char *ret_message);

/* Gives the place up, and frees it; see larder_etcd_lock_release. */
enum larder_status line_exit(struct place *place, char *ret_message);

/* Gives the key another value, if it is still this one. LOST: it is not. */
enum larder_status line_rewrite(struct place *place, struct slice value, char *ret_message);

/* Deletes the key, if it is still this one. LOST: it was not, or the lease is gone. */
enum larder_status line_leave(struct place *place, char *ret_message);

/* What is wrong with the name of a line; LARDER_DONE: nothing. With FORKED, for what is not of this process. */
enum larder_status line_check(const struct larder_etcd *client, size_t name_size, char *ret_message);

/* What the place's caller is told of it. */
static inline const char *place_show(const struct place *place, size_t *ret_size) {
    if (ret_size != NULL) {
        *ret_size = place->key_size;
    }
    return place->key;
}

/* What the keys of the line begin with, the name and a slash, written to `to`, which has room. */
struct slice line_write_prefix(const void *name, size_t name_size, char *to);

/* The keys of a line, the oldest first, one of them: *ret_op borrows `prefix`, and `end` of its size. */
void line_first_op(struct slice prefix, char *end, struct store_op *ret_op);

#endif
