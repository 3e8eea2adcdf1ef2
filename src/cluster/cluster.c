/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cluster/cluster_internal.h"

enum { RECORD_TEXT_MAX = MEMBER_RECORD_MAX, PURGE_KEY_MAX = 512, PURGE_TEXT_MAX = 1024 };

static enum larder_error init(struct cluster *c, const struct cluster_config *config) {
    struct wait_list *const lists[] = {&c->fresh, &c->asking, &c->to_purge, &c->purged};
    enum larder_error error = cluster_keys_make(&c->keys, config);

    if (error != LARDER_OK) {
        return error;
    }
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c->keys.bytes);
        return LARDER_ERROR_NO_MEMORY;
    }
    c->config = *config;
    c->config.id = c->keys.id;
    c->config.address = c->keys.address;
    c->config.name = slice_make(c->keys.all.key.data + sizeof("/larder/") - 1, config->name.size);
    c->proven_ns = INT64_MIN;
    c->renewed_ns = INT64_MIN;
    c->applied_told = -1;
    buf_init(&c->record_text, RECORD_TEXT_MAX);
    buf_init(&c->purge_key, PURGE_KEY_MAX);
    buf_init(&c->purge_text, PURGE_TEXT_MAX);
    for (unsigned kind = 0; kind < CALL_COUNT; kind++) {
        machine_call_init(&c->calls[kind], config->wake, config->ctx);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        wait_list_init(lists[i]);
    }
    return LARDER_OK;
}

enum larder_error cluster_new(const struct cluster_config *config, struct cluster **ret_cluster) {
    struct cluster *c = calloc(1, sizeof(*c));
    enum larder_error error = c != NULL ? init(c, config) : LARDER_ERROR_NO_MEMORY;

    if (error != LARDER_OK) {
        free(c);
        return error;
    }
    *ret_cluster = c;
    return LARDER_OK;
}

/* --- running --- */

static bool is_member(const struct cluster *c) {
    const struct member *own = c->members != NULL ? membership_find(c->members, c->keys.id) : NULL;

    return own != NULL && c->incarnation != 0 && own->incarnation == c->incarnation;
}

static void tell_authority(struct cluster *c) {
    bool good = c->listed && !c->broken && c->incarnation != 0;

    keeper_set_authority(c->config.keeper, good ? c->renewed_ns : INT64_MIN, good ? c->proven_ns : INT64_MIN);
}

static void take_figures(struct cluster *c) {
    struct cluster_figures figures = c->counting;

    figures.purge_number = c->purge_number;
    figures.member = is_member(c);
    figures.authority_ns = keeper_authority_ns(c->config.keeper);
    if (c->members != NULL) {
        figures.revision = c->members->revision;
        figures.members = c->members->count;
        for (size_t i = 0; i < c->members->count; i++) {
            figures.leaving += c->members->members[i].leaving;
        }
    }
    pthread_mutex_lock(&c->lock);
    c->figures = figures;
    pthread_mutex_unlock(&c->lock);
}

/* Whether the call's time means anything now. What is under way wakes by itself. */
static bool is_awaited(const struct cluster *c, enum call_kind kind) {
    switch (kind) {
    case CALL_LIST:
        return !c->listed;
    case CALL_CHECK:
        return c->listed;
    case CALL_GRANT:
        return c->lease == 0 && c->listed;
    case CALL_RENEW:
        return c->lease != 0;
    case CALL_RECORD:
        return c->listed && (c->leaving ? c->record == RECORD_SERVING : c->record == RECORD_NONE && c->lease != 0);
    case CALL_APPLIED:
        return c->applied_told != c->purge_number && c->incarnation != 0;
    case CALL_SURVEY:
        return c->wants_survey && c->purged.first != NULL;
    case CALL_REVOKE:
        return c->leaving && c->calls[CALL_REVOKE].due_ns > INT64_MIN;
    default:
        return false;
    }
}

/* When something is to be done although nobody calls. */
static int64_t next_ns(const struct cluster *c) {
    int64_t least_ns = cluster_wait_deadline(c);

    for (unsigned kind = 0; kind < CALL_COUNT; kind++) {
        const struct machine_call *own = &c->calls[kind];

        if (!own->under_way && own->due_ns < least_ns && is_awaited(c, (enum call_kind)kind)) {
            least_ns = own->due_ns;
        }
    }
    if (c->leaving && c->record != RECORD_GONE && c->leave_until_ns < least_ns) {
        least_ns = c->leave_until_ns;
    }
    return c->broken ? INT64_MIN : least_ns;
}

static void step(struct cluster *c, int64_t now_ns) {
    cluster_call_finish(c, now_ns);
    cluster_wait_take(c);
    cluster_view_run(c, now_ns);
    cluster_record_run(c, now_ns);
    cluster_proof_run(c, now_ns);
    cluster_purge_run(c, now_ns);
    cluster_wait_expire(c, now_ns);
    tell_authority(c);
}

int64_t cluster_tick(struct cluster *c, int64_t now_ns) {
    int64_t due_ns, soon_ns = now_ns + CATCH_UP_MS * CLOCK_NS_PER_MS;

    if (c->stopped) {
        return INT64_MAX;
    }
    step(c, now_ns);
    take_figures(c);
    due_ns = next_ns(c);
    /* What is due and cannot be done now waits for something else; it is looked at now and then. */
    return due_ns > soon_ns ? due_ns : soon_ns;
}

/* --- the end --- */

void cluster_stop(struct cluster *c) {
    if (c->watcher != NULL) {
        store_watcher_close(c->watcher);
        c->watcher = NULL;
    }
    c->listed = false;
    c->stopped = true;
    keeper_set_authority(c->config.keeper, INT64_MIN, INT64_MIN);
    cluster_wait_take(c);
    cluster_wait_expire(c, INT64_MAX);
}

void cluster_free(struct cluster *c) {
    if (c == NULL) {
        return;
    }
    if (c->purging != NULL) {
        c->purging->done(c->purging);
    }
    cluster_wait_take(c);
    cluster_wait_expire(c, INT64_MAX);
    for (unsigned kind = 0; kind < CALL_COUNT; kind++) {
        machine_call_fini(&c->calls[kind]);
    }
    membership_unref(c->members);
    buf_fini(&c->record_text);
    buf_fini(&c->purge_key);
    buf_fini(&c->purge_text);
    pthread_mutex_destroy(&c->lock);
    free(c->keys.bytes);
    free(c);
}

void cluster_get_figures(struct cluster *c, struct cluster_figures *ret_figures) {
    pthread_mutex_lock(&c->lock);
    *ret_figures = c->figures;
    pthread_mutex_unlock(&c->lock);
}
