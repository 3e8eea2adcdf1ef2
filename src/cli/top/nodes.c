/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top/nodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/json_out.h"

#define MEMBER_TIMEOUT_NS CLOCK_NS_PER_S /* one that hangs must not hold up the others for long */

void top_nodes_init(struct top_nodes *nodes, struct node *node, bool alone) {
    *nodes = (struct top_nodes){.node = node, .alone = alone, .missing = json_array()};
}

static void forget(struct top_member *member) {
    transfer_close(member->transfer);
    free(member->id);
    free(member->address);
}

void top_nodes_fini(struct top_nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++) {
        forget(&nodes->members[i]);
    }
    free(nodes->members);
    json_decref(nodes->missing);
}

/* What the first one answers; NULL: *ret_code says why, and it was printed. */
static json_t *ask_first(struct top_nodes *nodes, struct slice path, const char *what, int *ret_code) {
    struct transfer_request request = {.method = "GET"};
    struct node *node = nodes->node;
    struct transfer_answer answer;
    json_t *json;

    node->target.text.size = 0;
    if (buf_append_slice(&node->target.text, path) != LARDER_OK) {
        abort();
    }
    *ret_code = node_ask(node, &request, &answer);
    if (*ret_code != EXIT_CODE_OK) {
        return NULL;
    }
    if (answer.status != 200) {
        *ret_code = node_explain_refusal(node, what, &answer);
        return NULL;
    }
    json = node_read_json(node, answer.body);
    if (json == NULL) {
        *ret_code = EXIT_CODE_SERVER;
    }
    return json;
}

/* --- the members --- */

static struct top_member *find(struct top_nodes *nodes, const char *id, const char *address) {
    for (size_t i = 0; i < nodes->count; i++) {
        if (strcmp(nodes->members[i].id, id) == 0 && strcmp(nodes->members[i].address, address) == 0) {
            return &nodes->members[i];
        }
    }
    return NULL;
}

static struct top_member *add(struct top_nodes *nodes, const char *id, const char *address) {
    struct top_member *more = realloc(nodes->members, (nodes->count + 1) * sizeof(*more));

    if (more == NULL) {
        abort();
    }
    nodes->members = more;
    more[nodes->count] = (struct top_member){.id = strdup(id), .address = strdup(address)};
    if (more[nodes->count].id == NULL || more[nodes->count].address == NULL) {
        abort();
    }
    return &more[nodes->count++];
}

static void drop_absent(struct top_nodes *nodes) {
    size_t left = 0;

    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->members[i].there) {
            nodes->members[left++] = nodes->members[i];
        } else {
            forget(&nodes->members[i]);
        }
    }
    nodes->count = left;
}

static void follow(struct top_nodes *nodes, const json_t *answer) {
    size_t index;
    json_t *told;

    for (size_t i = 0; i < nodes->count; i++) {
        nodes->members[i].there = false;
    }
    json_array_foreach(json_object_get(answer, "nodes"), index, told) {
        const char *id = json_string_value(json_object_get(told, "id"));
        const char *address = json_string_value(json_object_get(told, "address"));

        if (id != NULL && address != NULL) {
            struct top_member *member = find(nodes, id, address);

            member = member != NULL ? member : add(nodes, id, address);
            member->self = json_is_true(json_object_get(told, "self"));
            member->there = true;
        }
    }
    drop_absent(nodes);
}

static int ask_who(struct top_nodes *nodes) {
    int code = EXIT_CODE_OK;
    json_t *answer = nodes->alone ? NULL : ask_first(nodes, SLICE("/admin/members"), "list its nodes", &code);

    if (answer != NULL) {
        follow(nodes, answer);
        json_decref(answer);
    }
    return code;
}

static bool connect_to(struct top_nodes *nodes, struct top_member *member) {
    const struct ask *ask = &nodes->node->ask;
    int64_t timeout_ns = ask->timeout_ns < MEMBER_TIMEOUT_NS ? ask->timeout_ns : MEMBER_TIMEOUT_NS;
    struct address address;
    const char *reason;

    return member->transfer != NULL || (address_parse(slice_from_string(member->address), &address, &reason) &&
                                        transfer_open(&address, ask->user, timeout_ns, &member->transfer) == LARDER_OK);
}

static json_t *ask_member(struct top_nodes *nodes, struct top_member *member, struct slice target) {
    const struct transfer_request request = {.method = "GET", .target = target};
    struct transfer_answer answer;

    if (!connect_to(nodes, member) || transfer_ask(member->transfer, &request, &answer) != LARDER_OK ||
        answer.status != 200) {
        return NULL;
    }
    return node_json(answer.body);
}

static void ask_others(struct top_nodes *nodes, struct slice target, top_take_fn *take, void *ctx) {
    for (size_t i = 0; i < nodes->count; i++) {
        struct top_member *member = &nodes->members[i];
        json_t *answer = member->self ? NULL : ask_member(nodes, member, target);

        if (answer != NULL) {
            take(ctx, member->id, answer);
            nodes->answered++;
        } else if (!member->self) {
            json_array_append_new(nodes->missing, json_string(member->id));
        }
    }
}

static const char *id_of_first(const struct top_nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->members[i].self) {
            return nodes->members[i].id;
        }
    }
    return "";
}

int top_nodes_ask(struct top_nodes *nodes, struct slice target, const char *what, top_take_fn *take, void *ctx) {
    int code = ask_who(nodes);
    json_t *answer = code == EXIT_CODE_OK ? ask_first(nodes, target, what, &code) : NULL;

    if (answer == NULL) {
        return code;
    }
    json_array_clear(nodes->missing);
    nodes->answered = 1;
    take(ctx, id_of_first(nodes), answer);
    ask_others(nodes, target, take, ctx);
    return EXIT_CODE_OK;
}
