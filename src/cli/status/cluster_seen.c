/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/cluster_seen.h"

#include <stdio.h>
#include <string.h>

enum { LINE_NAME_MAX = 96 };

bool cluster_seen_is_there(const struct stat_list *general) {
    const struct stat_line *engine = stat_list_find(general, "store_engine");

    return engine != NULL && strcmp(engine->value, "etcd") == 0;
}

/* --- a member's lines --- */

static const char *member_line(char ret_name[LINE_NAME_MAX], size_t place, const char *what) {
    snprintf(ret_name, LINE_NAME_MAX, "member:%zu:%s", place, what);
    return ret_name;
}

static uint64_t member_number(const struct stat_list *list, size_t place, const char *what) {
    char name[LINE_NAME_MAX];

    return stat_list_number(list, member_line(name, place, what));
}

static const char *text_of(const struct stat_list *list, const char *name) {
    const struct stat_line *line = stat_list_find(list, name);

    return line == NULL ? "" : line->value;
}

static const char *member_text(const struct stat_list *list, size_t place, const char *what) {
    char name[LINE_NAME_MAX];

    return text_of(list, member_line(name, place, what));
}

static enum etcd_health health_of(const char *text) {
    if (strcmp(text, "good") == 0) {
        return ETCD_HEALTH_GOOD;
    }
    return strcmp(text, "failing") == 0 ? ETCD_HEALTH_FAILING : ETCD_HEALTH_UNTRIED;
}

static bool read_endpoint(const char *text, struct etcd_endpoint *ret_endpoint) {
    char reason[256];
    struct buf why;
    size_t count;
    bool good;

    buf_init(&why, sizeof(reason));
    good = etcd_endpoints_parse(slice_from_string(text), ret_endpoint, 1, &count, &why) && count == 1;
    buf_fini(&why);
    return good;
}

static void read_member(struct etcd_member *member, const struct stat_list *list, size_t place) {
    *member = (struct etcd_member){
        .id = member_number(list, place, "id"),
        .health = health_of(member_text(list, place, "health")),
        .in_use = member_number(list, place, "in_use") != 0,
        .leader = member_number(list, place, "leader") != 0,
        .learner = member_number(list, place, "learner") != 0,
        .db_bytes = (int64_t)member_number(list, place, "bytes"),
        .revision = (int64_t)member_number(list, place, "revision"),
        .failures = member_number(list, place, "failures"),
    };
    snprintf(member->name, sizeof(member->name), "%s", member_text(list, place, "name"));
    snprintf(member->version, sizeof(member->version), "%s", member_text(list, place, "version"));
    snprintf(member->trouble, sizeof(member->trouble), "%s", member_text(list, place, "trouble"));
}

static void read_members(struct cluster_look *look, const struct stat_list *list) {
    uint64_t count = stat_list_number(list, "members");
    struct etcd_endpoint endpoint;

    for (size_t i = 0; i < count && i < ETCD_MEMBERS_MAX; i++) {
        if (read_endpoint(member_text(list, i, "endpoint"), &endpoint)) {
            read_member(&look->members[look->count], list, i);
            look->members[look->count++].endpoint = endpoint;
        }
    }
}

/* --- the figures --- */

/* "request:Range:ok:count": the name between the first and the second colon. */
static bool read_rpc(struct cluster_rpc *rpc, const struct stat_list *list, const char *line) {
    static const char front[] = "request:";
    static const char back[] = ":ok:count";
    size_t size = strlen(line);
    char name[LINE_NAME_MAX];

    if (strncmp(line, front, sizeof(front) - 1) != 0 || size <= sizeof(front) + sizeof(back) - 2 ||
        strcmp(line + size - (sizeof(back) - 1), back) != 0) {
        return false;
    }
    size -= sizeof(front) + sizeof(back) - 2;
    *rpc = (struct cluster_rpc){.count = stat_list_number(list, line)};
    snprintf(rpc->name, sizeof(rpc->name), "%.*s", (int)size, line + sizeof(front) - 1);
    snprintf(name, sizeof(name), "request:%s:ok:mean_us", rpc->name);
    rpc->mean_us = stat_list_number(list, name);
    snprintf(name, sizeof(name), "request:%s:ok:p99_us", rpc->name);
    rpc->p99_us = stat_list_number(list, name);
    return rpc->count > 0;
}

static void read_figures(struct cluster_seen *seen, const struct stat_list *list) {
    seen->failovers = stat_list_number(list, "failovers");
    seen->failover_us = stat_list_number(list, "failover_us");
    seen->failover_max_us = stat_list_number(list, "failover_max_us");
    seen->ok = stat_list_number(list, "requests_ok");
    seen->refused = stat_list_number(list, "requests_refused");
    seen->denied = stat_list_number(list, "requests_denied");
    seen->unavailable = stat_list_number(list, "requests_unavailable");
    seen->unknown = stat_list_number(list, "requests_unknown");
    seen->retries = stat_list_number(list, "retries");
    seen->waiting = stat_list_number(list, "waiting");
    seen->connects = stat_list_number(list, "connects");
    seen->connect_errors = stat_list_number(list, "connect_errors");
    seen->connections_lost = stat_list_number(list, "connections_lost");
    seen->logins = stat_list_number(list, "logins");
    seen->login_errors = stat_list_number(list, "login_errors");
    seen->streams_lost = stat_list_number(list, "streams_lost");
}

void cluster_seen_read(struct cluster_seen *seen, const struct stat_list *list) {
    *seen = (struct cluster_seen){.ready = stat_list_number(list, "ready") != 0};
    seen->look.id = stat_list_number(list, "cluster_id");
    snprintf(seen->trouble, sizeof(seen->trouble), "%s", text_of(list, "trouble"));
    read_members(&seen->look, list);
    read_figures(seen, list);
    for (size_t i = 0; i < list->count && seen->rpc_count < CLUSTER_RPCS_MAX; i++) {
        seen->rpc_count += read_rpc(&seen->rpcs[seen->rpc_count], list, list->lines[i].name);
    }
}

int cluster_seen_fetch(struct cluster_seen *seen, const struct ask *ask) {
    struct stat_list list;
    int code;

    stat_list_init(&list);
    code = stat_list_fetch(&list, ask, SLICE("cluster"));
    if (code == EXIT_CODE_OK) {
        cluster_seen_read(seen, &list);
    }
    stat_list_fini(&list);
    return code;
}
