/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/line_entry.h"

/* Its handle is a place in a line. */
static struct place *place_of(struct larder_etcd_lock *handle) {
    return (struct place *)(void *)handle;
}

static const struct place *place_in(const struct larder_etcd_lock *handle) {
    return (const struct place *)(const void *)handle;
}

enum larder_status larder_etcd_lock_take(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                         unsigned wait_ms, struct larder_etcd_lock **ret_lock,
                                         char ret_message[LARDER_MESSAGE_MAX]) {
    struct place *place;
    enum larder_status status = line_enter(lease, name, name_size, SLICE(""), wait_ms, &place, ret_message);

    if (status == LARDER_DONE) {
        *ret_lock = (struct larder_etcd_lock *)(void *)place;
    }
    return status;
}

/* That of who waits for it is the way to one. */
static struct line_entry *entry_of(struct larder_etcd_locking *handle) {
    return (struct line_entry *)(void *)handle;
}

enum larder_status larder_etcd_lock_begin(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                          struct larder_etcd_locking **ret_locking,
                                          char ret_message[LARDER_MESSAGE_MAX]) {
    struct line_entry *entry;
    enum larder_status status = line_entry_new(lease, name, name_size, SLICE(""), INT64_MAX, &entry, ret_message);

    if (status == LARDER_DONE) {
        *ret_locking = (struct larder_etcd_locking *)(void *)entry;
    }
    return status;
}

enum larder_status larder_etcd_locking_next(struct larder_etcd_locking *handle, struct larder_etcd_lock **ret_lock,
                                            char ret_message[LARDER_MESSAGE_MAX]) {
    struct place *place;
    enum larder_status status = line_entry_hand(entry_of(handle), &place, ret_message);

    if (status == LARDER_DONE) {
        *ret_lock = (struct larder_etcd_lock *)(void *)place;
    }
    return status;
}

int larder_etcd_locking_fd(const struct larder_etcd_locking *handle) {
    return ((const struct line_entry *)(const void *)handle)->asker.fd;
}

void larder_etcd_locking_free(struct larder_etcd_locking *handle) {
    line_entry_free(entry_of(handle));
}

enum larder_status larder_etcd_lock_status(const struct larder_etcd_lock *handle) {
    return place_status(place_in(handle));
}

const char *larder_etcd_lock_key(const struct larder_etcd_lock *handle, size_t *ret_size) {
    return place_show(place_in(handle), ret_size);
}

int64_t larder_etcd_lock_revision(const struct larder_etcd_lock *handle) {
    return place_in(handle)->revision;
}

enum larder_status larder_etcd_lock_release(struct larder_etcd_lock *handle, char ret_message[LARDER_MESSAGE_MAX]) {
    return handle != NULL ? line_exit(place_of(handle), ret_message) : client_say(ret_message, LARDER_DONE, "");
}
