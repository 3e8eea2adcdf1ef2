/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/durable.h"
#include "cli/json_in.h"
#include "cli/node.h"

int node_explain_error(const struct node *node, enum larder_error error) {
    const struct ask *ask = &node->ask;

    switch (error) {
    case LARDER_ERROR_NOT_FOUND:
        fprintf(stderr, "%s: cannot reach %s: there is no host of that name; check the spelling\n", ask->program,
                ask->server);
        return EXIT_CODE_UNREACHABLE;
    case LARDER_ERROR_PROTOCOL:
        fprintf(stderr, "%s: %s does not speak HTTP like Larder; is it a memcached? this needs a larderd\n",
                ask->program, ask->server);
        return EXIT_CODE_SERVER;
    case LARDER_ERROR_INVALID:
        fprintf(stderr, "%s: the key is too long to be sent\n", ask->program);
        return EXIT_CODE_USAGE;
    case LARDER_ERROR_LIMIT:
        fprintf(stderr, "%s: the answer is larger than the %d MiB that this tool takes\n", ask->program,
                TRANSFER_BODY_MAX >> 20);
        return EXIT_CODE_SERVER;
    default:
        return ask_explain_error(ask, error);
    }
}

/* What the person at the keyboard can do about it. */
static const char *advice(unsigned status) {
    switch (status) {
    case 401:
        return "; name a user and the right password with --user NAME:PASSWORD or in LARDER_USER";
    case 403:
        return "; larder asks as the user of --user or LARDER_USER: see its roles with etcdctl user get";
    case 405:
    case 501:
        return "; it may be an older larderd: larder status tells its version";
    case 413:
        return "; see the group's max-item";
    case 421:
        return "; name the node by its address, or add the name to its option http-hosts";
    case 503:
        return "; try again";
    case 507:
        return "; delete keys, or give the node more store-quota or a larger disk";
    default:
        return "";
    }
}

/* A server's words may not steer the terminal. */
static void copy_words(struct slice words, char *ret_text, size_t room) {
    size_t size = words.size < room ? words.size : room - 1;

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)words.data[i];

        ret_text[i] = c >= ' ' && c <= '~' ? words.data[i] : '?';
    }
    ret_text[size] = '\0';
}

/* What /admin/groups tells, to be given up by the caller; NULL: nothing. */
static json_t *ask_groups(struct node *node) {
    struct transfer_request request = {.method = "GET"};
    struct transfer_answer answer;

    target_begin(&node->target, SLICE("admin/groups"));
    request.target = buf_slice(&node->target.text);
    if (node->target.failed || transfer_ask(node->transfer, &request, &answer) != LARDER_OK || answer.status != 200) {
        return NULL;
    }
    return json_loadb(answer.body.size == 0 ? "" : answer.body.data, answer.body.size, 0, NULL);
}

uint64_t node_oldest_revision(struct node *node) {
    json_t *listing = ask_groups(node);
    uint64_t oldest = json_get_number(json_object_get(listing, "store"), "compact_revision");

    json_decref(listing);
    return oldest;
}

static void advise_compacted(struct node *node) {
    uint64_t oldest = node_oldest_revision(node);

    if (oldest > 0) {
        fprintf(stderr, "%s: the oldest revision that is kept is %" PRIu64 "; the node's store-history says how many\n",
                node->ask.program, oldest);
    }
}

int node_explain_refusal(struct node *node, const char *what, const struct transfer_answer *answer) {
    json_t *json = json_loadb(answer->body.size == 0 ? "" : answer->body.data, answer->body.size, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    unsigned status = answer->status;
    char words[400];

    copy_words(message == NULL ? answer->body : slice_from_string(message), words, sizeof(words));
    json_decref(json);
    fprintf(stderr, "%s: the server refused to %s: %s%s(%u)%s\n", node->ask.program, what, words,
            *words == '\0' ? "" : " ", status, advice(status));
    if (status == 410) {
        advise_compacted(node);
    }
    return EXIT_CODE_SERVER;
}

/* The group's description in the listing, or NULL. */
static const json_t *find_group(const json_t *listing, struct slice name) {
    size_t index;
    json_t *group;

    json_array_foreach(json_object_get(listing, "groups"), index, group) {
        const json_t *its_name = json_object_get(group, "name");

        if (slice_equal(name, slice_make(json_string_value(its_name), json_string_length(its_name)))) {
            return group;
        }
    }
    return NULL;
}

/* Says so if it is the group that cannot do what was asked. */
static void advise_group(struct node *node, struct slice name) {
    json_t *listing = ask_groups(node);
    const json_t *group = find_group(listing, name);
    const char *backing = json_string_value(json_object_get(group, "backing"));
    char text[SLICE_ESCAPED_MAX];

    slice_escape(name, text);
    if (listing != NULL && group == NULL) {
        fprintf(stderr,
                "%s: there is no group '%s', so these keys belong to 'default', which is not durable; larder "
                "group list tells which groups are\n",
                node->ask.program, text);
    } else if (backing != NULL && strcmp(backing, "store") != 0) {
        fprintf(stderr,
                "%s: the group '%s' is not durable: it has no revisions, listings or watches; larder group "
                "list tells which groups do, and backing = store in the node's configuration makes one\n",
                node->ask.program, text);
    }
    json_decref(listing);
}

int node_explain_durable(struct node *node, const char *what, const char *key, const struct transfer_answer *answer) {
    bool may_be_group = answer->status == 400 || answer->status == 404;
    struct slice group, rest;
    int code = node_explain_refusal(node, what, answer);

    if (may_be_group) {
        durable_split(key, &group, &rest);
        advise_group(node, group);
    }
    return code;
}
