/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/line.h"
#include "library/etcd/translate.h"

/* Its handle is a place in a line. */
static struct place *place_of(struct larder_etcd_leadership *handle) {
    return (struct place *)(void *)handle;
}

static const struct place *place_in(const struct larder_etcd_leadership *handle) {
    return (const struct place *)(const void *)handle;
}

enum larder_status larder_etcd_campaign(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                        const void *value, size_t value_size, unsigned wait_ms,
                                        struct larder_etcd_leadership **ret_leadership,
                                        char ret_message[LARDER_MESSAGE_MAX]) {
    struct place *place;
    enum larder_status status =
        line_enter(lease, name, name_size, bytes_given(value, value_size), wait_ms, &place, ret_message);

    if (status == LARDER_DONE) {
        *ret_leadership = (struct larder_etcd_leadership *)(void *)place;
    }
    return status;
}

enum larder_status larder_etcd_leadership_status(const struct larder_etcd_leadership *handle) {
    return place_status(place_in(handle));
}

const char *larder_etcd_leadership_key(const struct larder_etcd_leadership *handle, size_t *ret_size) {
    return place_show(place_in(handle), ret_size);
}

int64_t larder_etcd_leadership_revision(const struct larder_etcd_leadership *handle) {
    return place_in(handle)->revision;
}

enum larder_status larder_etcd_proclaim(struct larder_etcd_leadership *handle, const void *value, size_t value_size,
                                        char ret_message[LARDER_MESSAGE_MAX]) {
    return line_rewrite(place_of(handle), bytes_given(value, value_size), ret_message);
}

enum larder_status larder_etcd_resign(struct larder_etcd_leadership *handle, char ret_message[LARDER_MESSAGE_MAX]) {
    return handle != NULL ? line_exit(place_of(handle), ret_message) : client_say(ret_message, LARDER_DONE, "");
}
