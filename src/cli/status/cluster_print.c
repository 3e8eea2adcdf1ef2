/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/status/cluster.h"

enum {
    MARK_WIDTH = 2, /* "* " in front of the member in use */
    STATE_WIDTH = 9,
    VERSION_WIDTH = 9,
    BYTES_WIDTH = 10,
    REVISION_WIDTH = 12,
    BEHIND_WIDTH = 8,
    NAME_WIDTH_MIN = 6,
    ENDPOINT_WIDTH_MIN = 8,
};

struct widths {
    int name, endpoint;
};

/* What others have said goes to a terminal only if it does not give it orders. */
static const char *safe(const char *text) {
    return human_readable(slice_from_string(text)) ? text : "(unreadable)";
}

static int longer(int width, const char *text) {
    int size = (int)strlen(text);

    return size > width ? size : width;
}

static struct widths measure(const struct cluster_look *look) {
    struct widths widths = {.name = NAME_WIDTH_MIN, .endpoint = ENDPOINT_WIDTH_MIN};
    char text[ETCD_ENDPOINT_TEXT_MAX];

    for (size_t i = 0; i < look->count; i++) {
        widths.name = longer(widths.name, safe(look->members[i].name));
        widths.endpoint = longer(widths.endpoint, etcd_endpoint_format(&look->members[i].endpoint, text));
    }
    return widths;
}

static const char *state_text(const struct etcd_member *member) {
    if (member->health == ETCD_HEALTH_FAILING) {
        return "failing";
    }
    if (member->health == ETCD_HEALTH_UNTRIED) {
        return "untried";
    }
    return member->leader ? "leader" : member->learner ? "learner" : "good";
}

static const char *state_colour(const struct terminal *terminal, const struct etcd_member *member) {
    if (member->health == ETCD_HEALTH_FAILING) {
        return terminal->red;
    }
    return member->health == ETCD_HEALTH_UNTRIED ? terminal->dim : terminal->green;
}

static void print_figures(const struct etcd_member *member, int64_t newest) {
    char size[HUMAN_TEXT_MAX];
    char revision[HUMAN_TEXT_MAX];
    char behind[HUMAN_TEXT_MAX];

    printf(" %-*s", VERSION_WIDTH, member->version[0] == '\0' ? "-" : safe(member->version));
    printf(" %*s", BYTES_WIDTH, member->db_bytes <= 0 ? "-" : human_bytes((uint64_t)member->db_bytes, size));
    if (member->revision <= 0) {
        printf(" %*s %*s", REVISION_WIDTH, "-", BEHIND_WIDTH, "-");
        return;
    }
    printf(" %*s %*s", REVISION_WIDTH, human_count((uint64_t)member->revision, revision), BEHIND_WIDTH,
           human_count((uint64_t)(newest - member->revision), behind));
}

static void print_member(const struct terminal *terminal, const struct etcd_member *member, struct widths widths,
                         const char *indent, int64_t newest) {
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];

    printf("%s%-*s%-*s  %-*s  %s%-*s%s", indent, MARK_WIDTH, member->in_use ? "*" : "", widths.name,
           member->name[0] == '\0' ? "-" : safe(member->name), widths.endpoint,
           etcd_endpoint_format(&member->endpoint, endpoint), state_colour(terminal, member), STATE_WIDTH,
           state_text(member), terminal->plain);
    print_figures(member, newest);
    putchar('\n');
    if (member->trouble[0] != '\0') {
        printf("%s%*s%s%s%s\n", indent, MARK_WIDTH + widths.name + 2, "",
               member->health == ETCD_HEALTH_GOOD ? terminal->yellow : terminal->red, safe(member->trouble),
               terminal->plain);
    }
}

void cluster_print_members(const struct terminal *terminal, const struct cluster_look *look, const char *indent) {
    struct widths widths = measure(look);

    printf("%s%s%-*s%-*s  %-*s  %-*s %-*s %*s %*s %*s%s\n", indent, terminal->dim, MARK_WIDTH, "", widths.name,
           "member", widths.endpoint, "endpoint", STATE_WIDTH, "state", VERSION_WIDTH, "version", BYTES_WIDTH, "size",
           REVISION_WIDTH, "revision", BEHIND_WIDTH, "behind", terminal->plain);
    for (size_t i = 0; i < look->count; i++) {
        print_member(terminal, &look->members[i], widths, indent, cluster_revision(look));
    }
}

void cluster_print_summary(const struct terminal *terminal, const struct cluster_look *look) {
    const struct etcd_member *leader = cluster_leader(look);
    size_t good = cluster_good(look);
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];

    printf("%zu member%s, %s%zu answer%s%s, ", look->count, look->count == 1 ? "" : "s",
           good == look->count ? terminal->green : terminal->red, good, good == 1 ? "s" : "", terminal->plain);
    if (leader == NULL) {
        printf("%sno leader answers%s", terminal->red, terminal->plain);
    } else {
        printf("%s leads", safe(cluster_member_name(leader, endpoint)));
    }
}

json_t *cluster_id_json(uint64_t id) {
    char text[24];

    if (id == 0) {
        return json_null();
    }
    snprintf(text, sizeof(text), "%" PRIx64, id);
    return json_string(text);
}

static const char *health_name(enum etcd_health health) {
    return health == ETCD_HEALTH_GOOD ? "good" : health == ETCD_HEALTH_FAILING ? "failing" : "untried";
}

static void set_text(json_t *object, const char *name, const char *text) {
    if (text[0] == '\0') {
        json_set(object, name, json_null());
    } else {
        json_set_bytes(object, name, slice_from_string(text));
    }
}

static json_t *member_json(const struct etcd_member *member, int64_t newest) {
    json_t *object = json_object();
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];
    bool known = member->revision > 0;

    set_text(object, "name", member->name);
    json_set(object, "id", cluster_id_json(member->id));
    set_text(object, "endpoint", etcd_endpoint_format(&member->endpoint, endpoint));
    json_set(object, "health", json_string(health_name(member->health)));
    json_set(object, "in_use", json_boolean(member->in_use));
    json_set(object, "leader", json_boolean(member->leader));
    json_set(object, "learner", json_boolean(member->learner));
    set_text(object, "version", member->version);
    json_set(object, "bytes", member->db_bytes > 0 ? json_integer(member->db_bytes) : json_null());
    json_set(object, "revision", known ? json_integer(member->revision) : json_null());
    json_set(object, "behind", known ? json_integer(newest - member->revision) : json_null());
    json_set(object, "failures", json_integer((json_int_t)member->failures));
    set_text(object, "trouble", member->trouble);
    return object;
}

json_t *cluster_members_json(const struct cluster_look *look) {
    json_t *members = json_array();

    for (size_t i = 0; i < look->count; i++) {
        json_array_append_new(members, member_json(&look->members[i], cluster_revision(look)));
    }
    return members;
}
