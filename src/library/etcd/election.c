/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/line_entry.h"
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

/* That of a candidate is the way to one. */
static struct line_entry *entry_of(struct larder_etcd_candidacy *handle) {
    return (struct line_entry *)(void *)handle;
}

enum larder_status larder_etcd_campaign_begin(struct larder_etcd_lease *lease, const void *name, size_t name_size,
                                              const void *value, size_t value_size,
                                              struct larder_etcd_candidacy **ret_candidacy,
                                              char ret_message[LARDER_MESSAGE_MAX]) {
    struct line_entry *entry;
    enum larder_status status =
        line_entry_new(lease, name, name_size, bytes_given(value, value_size), INT64_MAX, &entry, ret_message);

    if (status == LARDER_DONE) {
        *ret_candidacy = (struct larder_etcd_candidacy *)(void *)entry;
    }
    return status;
}

enum larder_status larder_etcd_candidacy_next(struct larder_etcd_candidacy *handle,
                                              struct larder_etcd_leadership **ret_leadership,
                                              char ret_message[LARDER_MESSAGE_MAX]) {
    struct place *place;
    enum larder_status status = line_entry_hand(entry_of(handle), &place, ret_message);

    if (status == LARDER_DONE) {
        *ret_leadership = (struct larder_etcd_leadership *)(void *)place;
    }
    return status;
}

int larder_etcd_candidacy_fd(const struct larder_etcd_candidacy *handle) {
    return ((const struct line_entry *)(const void *)handle)->asker.fd;
}

void larder_etcd_candidacy_free(struct larder_etcd_candidacy *handle) {
    line_entry_free(entry_of(handle));
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
