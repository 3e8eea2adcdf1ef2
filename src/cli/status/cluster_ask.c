/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/cluster_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/status/probe.h"
#include "cli/subcommand.h"

enum { WHY_BYTES = 2048 };

/* --- what the answers say --- */

static void copy_text(char *to, size_t size, const char *from) {
    snprintf(to, size, "%s", from == NULL ? "" : from);
}

static void append_trouble(struct etcd_member *member, const char *text) {
    size_t size = strlen(member->trouble);

    snprintf(member->trouble + size, sizeof(member->trouble) - size, "%s%s", size == 0 ? "" : "; ", text);
}

/* etcd writes an alarm as "memberID:8211 alarm:NOSPACE ", and each member those of all. */
static void take_alarm(struct etcd_member *member, const char *text) {
    char own[48];
    size_t size = (size_t)snprintf(own, sizeof(own), "memberID:%" PRIu64 " ", member->id);

    if (strncmp(text, own, size) == 0) {
        append_trouble(member, strstr(text, "NOSPACE") != NULL
                                   ? "its quota is used up, so the cluster takes no writes (alarm NOSPACE)"
                               : strstr(text, "CORRUPT") != NULL ? "its data is damaged (alarm CORRUPT)"
                                                                 : text);
    } else if (strncmp(text, "memberID:", sizeof("memberID:") - 1) != 0) {
        append_trouble(member, text);
    }
}

/* What is wrong with its connection, else what it said, else how it ended. */
static void take_failure(struct etcd_member *member, const struct probe *p) {
    struct etcd_client *client = etcd_driver_client(p->driver);
    struct etcd_member seen = {.trouble = ""};

    if (etcd_client_member_count(client) > 0) {
        etcd_client_member(client, 0, &seen);
    }
    copy_text(member->trouble, sizeof(member->trouble), seen.trouble);
    if (member->trouble[0] == '\0' && p->status.text.size > 0) {
        snprintf(member->trouble, sizeof(member->trouble), "%.*s", (int)p->status.text.size, p->status.text.data);
    }
    if (member->trouble[0] == '\0') {
        copy_text(member->trouble, sizeof(member->trouble), store_status_text(p->status.status));
    }
}

static void take_status(struct etcd_member *member, const struct probe *p, uint64_t cluster) {
    const Etcdserverpb__StatusResponse *response = probe_status(p);

    member->endpoint = p->endpoint;
    if (response == NULL) {
        member->health = ETCD_HEALTH_FAILING;
        take_failure(member, p);
        return;
    }
    member->health = ETCD_HEALTH_GOOD;
    member->id = response->header->member_id;
    member->leader = response->leader != 0 && response->leader == member->id;
    member->learner = response->islearner;
    member->db_bytes = response->dbsize;
    member->revision = response->header->revision;
    copy_text(member->version, sizeof(member->version), response->version);
    if (response->leader == 0) {
        append_trouble(member, "it has no leader");
    }
    for (size_t i = 0; i < response->n_errors; i++) {
        take_alarm(member, response->errors[i]);
    }
    if (cluster != 0 && response->header->cluster_id != cluster) {
        append_trouble(member, "it belongs to another cluster");
    }
}

/* The place of the member of that id, or look->count. */
static size_t find_member(const struct cluster_look *look, uint64_t id) {
    size_t place = 0;

    while (place < look->count && (id == 0 || look->members[place].id != id)) {
        place++;
    }
    return place;
}

/* A member that was named twice is shown once. */
static void take_probe(struct cluster_look *look, const struct probe *p) {
    const Etcdserverpb__StatusResponse *response = probe_status(p);
    struct etcd_member member = {.id = 0};

    if (response != NULL && look->id == 0) {
        look->id = response->header->cluster_id;
    }
    take_status(&member, p, look->id);
    if (look->count < ETCD_MEMBERS_MAX && find_member(look, member.id) == look->count) {
        look->members[look->count++] = member;
    }
}

/* --- those that were named by others --- */

/* The first list that anybody of the cluster gave; NULL: nobody did. */
static const Etcdserverpb__MemberListResponse *find_list(const struct round *round, uint64_t cluster) {
    for (size_t i = 0; i < round->count; i++) {
        const Etcdserverpb__MemberListResponse *list = probe_list(&round->probes[i]);

        if (list != NULL && list->header->cluster_id == cluster) {
            return list;
        }
    }
    return NULL;
}

static bool read_url(const char *url, struct etcd_endpoint *ret_endpoint) {
    struct buf why;
    size_t count;
    bool good;

    buf_init(&why, WHY_BYTES);
    good = etcd_endpoints_parse(slice_from_string(url), ret_endpoint, 1, &count, &why) && count == 1;
    buf_fini(&why);
    return good;
}

static bool was_asked(const struct round *round, const struct etcd_endpoint *endpoint) {
    for (size_t i = 0; i < round->count; i++) {
        if (etcd_endpoint_equal(&round->probes[i].endpoint, endpoint)) {
            return true;
        }
    }
    return false;
}

/* Asks at the first URL of each member that has not answered, unless that is one that did not answer. */
static int ask_the_others(struct round *round, const struct cluster_look *look) {
    const Etcdserverpb__MemberListResponse *list = find_list(round, look->id);
    struct etcd_endpoint endpoint;
    int code = EXIT_CODE_OK;

    for (size_t i = 0; list != NULL && i < list->n_members && code == EXIT_CODE_OK; i++) {
        const Etcdserverpb__Member *member = list->members[i];

        if (find_member(look, member->id) == look->count && member->n_clienturls > 0 &&
            read_url(member->clienturls[0], &endpoint) && !was_asked(round, &endpoint) &&
            round->count < ETCD_MEMBERS_MAX) {
            code = round_ask(round, &endpoint);
        }
    }
    return code;
}

static void name_endpoint(struct cluster_look *look, const Etcdserverpb__Member *member) {
    struct etcd_endpoint endpoint;

    for (size_t url = 0; url < member->n_clienturls; url++) {
        for (size_t i = 0; read_url(member->clienturls[url], &endpoint) && i < look->count; i++) {
            if (look->members[i].id == 0 && etcd_endpoint_equal(&look->members[i].endpoint, &endpoint)) {
                look->members[i].id = member->id;
            }
        }
    }
}

/* Gives the members the names that they have in the cluster; one that does not answer is known by its URL. */
static void name_members(struct cluster_look *look, const Etcdserverpb__MemberListResponse *list) {
    size_t place;

    for (size_t i = 0; list != NULL && i < list->n_members; i++) {
        name_endpoint(look, list->members[i]);
        place = find_member(look, list->members[i]->id);
        if (place < look->count) {
            copy_text(look->members[place].name, sizeof(look->members[place].name), list->members[i]->name);
        }
    }
}

/* By name, those without one at the end. */
static int compare_members(const void *left, const void *right) {
    const struct etcd_member *a = left;
    const struct etcd_member *b = right;

    if ((a->name[0] == '\0') != (b->name[0] == '\0')) {
        return a->name[0] == '\0' ? 1 : -1;
    }
    return strcmp(a->name, b->name);
}

/* --- all of it --- */

static int ask_the_named(struct round *round) {
    struct etcd_endpoint endpoints[ETCD_MEMBERS_MAX];
    struct buf why;
    size_t count = 0;
    int code = EXIT_CODE_OK;

    buf_init(&why, WHY_BYTES);
    if (!etcd_endpoints_parse(slice_from_string(round->question->endpoints), endpoints, ETCD_MEMBERS_MAX, &count,
                              &why)) {
        fprintf(stderr, "%s: --endpoints: %.*s\n", round->question->program, (int)why.size, why.data);
        code = EXIT_CODE_USAGE;
    }
    buf_fini(&why);
    for (size_t i = 0; i < count && code == EXIT_CODE_OK; i++) {
        code = round_ask(round, &endpoints[i]);
    }
    return code;
}

static int ask_all(struct round *round, struct cluster_look *look) {
    int code = ask_the_named(round);
    size_t named;

    round_wait(round);
    named = round->count;
    for (size_t i = 0; i < named; i++) {
        take_probe(look, &round->probes[i]);
    }
    code = code == EXIT_CODE_OK ? ask_the_others(round, look) : code;
    round_wait(round);
    for (size_t i = named; i < round->count; i++) {
        take_probe(look, &round->probes[i]);
    }
    name_members(look, find_list(round, look->id));
    qsort(look->members, look->count, sizeof(look->members[0]), compare_members);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    return cluster_good(look) > 0 ? EXIT_CODE_OK : EXIT_CODE_UNREACHABLE;
}

int cluster_ask(const struct cluster_question *question, struct cluster_look *ret_look) {
    struct round *round = round_new(question);
    int code;

    *ret_look = (struct cluster_look){.count = 0};
    if (round == NULL) {
        fprintf(stderr, "%s: out of memory or descriptors\n", question->program);
        return EXIT_CODE_FAILURE;
    }
    code = ask_all(round, ret_look);
    round_free(round);
    return code;
}
