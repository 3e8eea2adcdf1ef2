/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/etcd/internal.h"

enum { SAY_EVERY_MS = 1000 /* the state of the cluster is not told more often: it may change all the time */ };

static const struct etcd_member *member_in_use(const struct etcd_store_look *look) {
    for (size_t i = 0; i < look->member_count; i++) {
        if (look->members[i].in_use) {
            return &look->members[i];
        }
    }
    return NULL;
}

/* `look` is written by this thread alone, so it reads it without the lock. */
static void say(struct etcd_store *s) {
    const struct etcd_store_look *look = &s->look;
    const struct etcd_member *member = member_in_use(look);
    char place[ETCD_ENDPOINT_TEXT_MAX] = "";
    int64_t now = clock_monotonic_ns();

    if (now - s->said_ns < SAY_EVERY_MS * CLOCK_NS_PER_MS) {
        return;
    }
    if (member != NULL) {
        etcd_endpoint_format(&member->endpoint, place);
    }
    if (look->ready && !s->said_ready) {
        log_info("the etcd cluster is ready", log_string("member", place),
                 log_string("name", member != NULL ? member->name : ""),
                 log_string("version", member != NULL ? member->version : ""));
    } else if (!look->ready && (s->said_ready || !s->said_trouble) && now - s->started_ns >= CLOCK_NS_PER_S) {
        log_warn("the etcd cluster cannot be used", log_string("reason", look->trouble));
        s->said_trouble = true;
    } else if (look->ready && look->figures.failovers != s->said_failovers) {
        log_warn("another member of the etcd cluster is in use", log_string("member", place),
                 log_string("name", member != NULL ? member->name : ""),
                 log_number("failovers", (int64_t)look->figures.failovers));
    } else {
        return;
    }
    s->said_ready = look->ready;
    s->said_failovers = look->figures.failovers;
    s->said_ns = now;
}

void etcd_store_update_look(struct etcd_store *s) {
    struct etcd_client *client = etcd_driver_client(s->driver);
    struct etcd_store_look *look = &s->look;
    const struct etcd_member *member;

    etcd_store_note_revision(s, etcd_client_revision(client));
    pthread_mutex_lock(&s->look_lock);
    look->ready = etcd_client_is_ready(client);
    snprintf(look->trouble, sizeof(look->trouble), "%s", look->ready ? "" : etcd_client_trouble(client));
    look->cluster_id = etcd_client_cluster_id(client);
    look->member_count = etcd_client_member_count(client);
    look->member_count = look->member_count < ETCD_MEMBERS_MAX ? look->member_count : ETCD_MEMBERS_MAX;
    for (size_t i = 0; i < look->member_count; i++) {
        etcd_client_member(client, i, &look->members[i]);
    }
    member = member_in_use(look);
    look->member_id = member != NULL ? member->id : 0;
    look->figures = *etcd_client_figures(client);
    pthread_mutex_unlock(&s->look_lock);
    say(s);
}
