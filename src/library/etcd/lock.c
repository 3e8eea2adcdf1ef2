/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/line.h"

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
