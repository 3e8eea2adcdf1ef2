/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/node_near.h"
#include "daemon/option_checks.h"
#include "daemon/option_value.h"
#include "store/etcd/endpoint.h"

/* --store etcd://...: what belongs to it, and what does not go with it. */

enum { WHY_MAX = 1024, ATTEMPTS_MIN = 2 /* that a request has time for, if nobody says otherwise */ };

/* Of a store that this node keeps itself. */
static const enum option own[] = {OPTION_DATA_DIR, OPTION_STORE_QUOTA, OPTION_STORE_HISTORY, OPTION_STORE_SYNC};

/* Of one in a cluster. */
static const enum option remote[] = {
    OPTION_STORE_USER,
    OPTION_STORE_PASSWORD_FILE,
    OPTION_STORE_CA,
    OPTION_STORE_CERT,
    OPTION_STORE_KEY,
    OPTION_STORE_SERVER_NAME,
    OPTION_STORE_TIMEOUT,
    OPTION_STORE_ATTEMPT_TIMEOUT,
    OPTION_STORE_MAX_CONNECTION_AGE,
    OPTION_STORE_FOLLOW_MEMBERS,
    OPTION_STORE_WATCH,
    OPTION_STORE_PROGRESS,
    OPTION_NEAR_MEMORY,
    OPTION_MIRROR_MEMORY,
    OPTION_WATCH_MEMORY,
    OPTION_AUDIT_PAUSE,
};

bool options_store_is_remote(const struct options *o) {
    return strcmp(o->store, "local") != 0;
}

static bool is_given(const struct options *o, enum option option) {
    return o->sources[option] != OPTION_SOURCE_DEFAULT;
}

static void refuse_given(const struct options *o, const enum option *options, size_t count, const char *why,
                         struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];

    for (size_t i = 0; i < count; i++) {
        if (is_given(o, options[i])) {
            diagnostics_mistake(d, option_place(o, options[i], room), "%s %s", option_infos[options[i]].name, why);
        }
    }
}

static void check_file(const struct options *o, enum option option, const char *path, struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];

    if (path != NULL && access(path, R_OK) != 0) {
        diagnostics_mistake(d, option_place(o, option, room), "%s = %s: %s", option_infos[option].name, path,
                            strerror(errno));
    }
}

/* Of two that make sense together only. */
static void check_pair(const struct options *o, enum option a, const char *a_value, enum option b, const char *b_value,
                       struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];

    if ((a_value == NULL) != (b_value == NULL)) {
        enum option given = a_value != NULL ? a : b;

        diagnostics_mistake(d, option_place(o, given, room), "%s is of no use without %s", option_infos[given].name,
                            option_infos[given == a ? b : a].name);
    }
}

static bool any_is_tls(const struct etcd_endpoint *endpoints, size_t count) {
    size_t i = 0;

    while (i < count && !endpoints[i].tls) {
        i++;
    }
    return i < count;
}

static void check_tls(const struct options *o, const struct etcd_endpoint *endpoints, size_t count,
                      struct diagnostics *d) {
    static const enum option tls[] = {OPTION_STORE_CA, OPTION_STORE_CERT, OPTION_STORE_KEY, OPTION_STORE_SERVER_NAME};

    if (!any_is_tls(endpoints, count)) {
        refuse_given(o, tls, sizeof(tls) / sizeof(tls[0]),
                     "is for TLS, and no member is asked by it; write store = etcds://...", d);
        return;
    }
    check_pair(o, OPTION_STORE_CERT, o->store_cert, OPTION_STORE_KEY, o->store_key, d);
    check_file(o, OPTION_STORE_CA, o->store_ca, d);
    check_file(o, OPTION_STORE_CERT, o->store_cert, d);
    check_file(o, OPTION_STORE_KEY, o->store_key, d);
}

/* Within the time of a request there shall be room for a second member. */
static void settle_times(struct options *o, struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];

    if (o->store_attempt_timeout_ns <= o->store_timeout_ns / ATTEMPTS_MIN) {
        return;
    }
    if (!is_given(o, OPTION_STORE_ATTEMPT_TIMEOUT)) {
        o->store_attempt_timeout_ns = o->store_timeout_ns / ATTEMPTS_MIN;
    } else if (o->store_attempt_timeout_ns > o->store_timeout_ns) {
        diagnostics_mistake(d, option_place(o, OPTION_STORE_ATTEMPT_TIMEOUT, room),
                            "store-attempt-timeout is longer than store-timeout: no second member would be tried");
    }
}

static void check_watch(const struct options *o, struct diagnostics *d) {
    char room[OPTION_PLACE_MAX];
    struct place place = option_place(o, OPTION_STORE_WATCH, room);
    size_t index;

    if (!option_read_choice("store-watch", slice_from_string(o->store_watch), near_watch_words, NEAR_WATCH_WORDS, place,
                            d, &index)) {
        return;
    }
    if (o->store_progress && index == NEAR_WATCH_ALL) {
        diagnostics_mistake(d, option_place(o, OPTION_STORE_PROGRESS, room),
                            "store-progress = yes is of no use with store-watch = all: there every change is told");
    }
}

static void check_remote(const struct options *o, struct diagnostics *d) {
    struct etcd_endpoint endpoints[ETCD_MEMBERS_MAX];
    char room[OPTION_PLACE_MAX];
    struct buf why;
    size_t count = 0;

    buf_init(&why, WHY_MAX);
    if (strstr(o->store, "://") == NULL && strchr(o->store, '@') == NULL) {
        diagnostics_mistake(d, option_place(o, OPTION_STORE, room),
                            "store = %s is neither local nor the members of a cluster, as etcd://h1:2379,h2:2379",
                            o->store);
    } else if (!etcd_endpoints_parse(slice_from_string(o->store), endpoints, ETCD_MEMBERS_MAX, &count, &why)) {
        /* The complaint shows what of the value may be shown. */
        diagnostics_mistake(d, option_place(o, OPTION_STORE, room), "%.*s", (int)why.size, why.data);
    } else {
        check_tls(o, endpoints, count, d);
    }
    buf_fini(&why);
    refuse_given(o, own, sizeof(own) / sizeof(own[0]),
                 "is of a store that this node keeps itself; with store = etcd://... it has no meaning", d);
    check_pair(o, OPTION_STORE_USER, o->store_user, OPTION_STORE_PASSWORD_FILE, o->store_password_file, d);
    check_file(o, OPTION_STORE_PASSWORD_FILE, o->store_password_file, d);
    check_watch(o, d);
}

void cluster_options_settle(struct options *o, struct diagnostics *d) {
    if (options_store_is_remote(o)) {
        check_remote(o, d);
        settle_times(o, d);
    } else {
        refuse_given(o, remote, sizeof(remote) / sizeof(remote[0]),
                     "is of a store in an etcd cluster; add store = etcd://..., or leave it out", d);
    }
}
