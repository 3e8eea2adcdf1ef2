/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/human.h"
#include "cli/json_in.h"
#include "cli/json_out.h"
#include "cli/node.h"
#include "cli/terminal.h"

struct group {
    struct node node; /* first: ASK_ROWS */
    struct terminal terminal;
};

static const struct option_row rows[] = {ASK_ROWS, {.name = NULL}};

static const struct ask_usage usage = {
    .text = "larder group - the groups of a node: what each keeps where, and how it is used\n\n"
            "usage: larder group list [OPTIONS]\n\n"
            "The group of a key is the text before its first '/', if a group of that name is declared in the node's\n"
            "configuration; all other keys belong to 'default'. BACKING tells where its data is: 'store' is durable "
            "and has\n"
            "revisions, listings and watches, 'memory' ends with the node. FRESH is what a read gets that does not ask "
            "for\n"
            "another freshness. Figures count from the node's start. Goes over HTTP.\n\n"
            "examples:\n"
            "  larder group list\n"
            "  larder group list --json | jq '.groups[] | select(.backing == \"store\") | .name'\n"
            "  larder group list --json | jq .store.revision\n",
    .rows = rows,
    .min_words = 1,
    .max_words = 1,
    .words = "the word list",
};

/* "-" where there is no limit. */
static const char *life(const json_t *group, const char *name, char ret_text[HUMAN_TEXT_MAX]) {
    uint64_t seconds = json_get_number(group, name);

    return seconds == 0 ? "-" : human_duration(seconds, ret_text);
}

static const char *text_of(const json_t *object, const char *name, char ret_text[SLICE_ESCAPED_MAX]) {
    const json_t *string = json_object_get(object, name);

    return slice_escape(slice_make(json_string_value(string), json_string_length(string)), ret_text);
}

static const char *hit_percent(const json_t *group, char ret_text[HUMAN_TEXT_MAX]) {
    double hits = (double)json_get_number(group, "hits");
    double reads = hits + (double)json_get_number(group, "misses");

    if (reads <= 0) {
        return "-";
    }
    snprintf(ret_text, HUMAN_TEXT_MAX, "%.2f", 100 * hits / reads);
    return ret_text;
}

static int name_width(const json_t *groups) {
    size_t width = sizeof("GROUP") - 1;
    size_t index;
    json_t *group;

    json_array_foreach(groups, index, group) {
        char name[SLICE_ESCAPED_MAX];
        size_t size = strlen(text_of(group, "name", name));

        width = size > width ? size : width;
    }
    return (int)width;
}

static void print_group(const struct group *g, const json_t *group, int width) {
    char name[SLICE_ESCAPED_MAX], backing[SLICE_ESCAPED_MAX], freshness[SLICE_ESCAPED_MAX], prefix[SLICE_ESCAPED_MAX];
    char ttl[HUMAN_TEXT_MAX], max_ttl[HUMAN_TEXT_MAX], item[HUMAN_TEXT_MAX], requests[HUMAN_TEXT_MAX],
        hits[HUMAN_TEXT_MAX];

    printf("%s%-*s%s  %-7s  %-12s  %9s  %9s  %9s  %12s  %6s", g->terminal.bold, width, text_of(group, "name", name),
           g->terminal.plain, text_of(group, "backing", backing), text_of(group, "freshness", freshness),
           life(group, "ttl", ttl), life(group, "max_ttl", max_ttl),
           human_bytes(json_get_number(group, "max_item"), item),
           human_count(json_get_number(group, "requests"), requests), hit_percent(group, hits));
    if (json_object_get(group, "prefix") != NULL) {
        printf("  %s", text_of(group, "prefix", prefix));
    }
    putchar('\n');
}

static void print_store(const struct group *g, const json_t *store) {
    uint64_t quota = json_get_number(store, "quota");
    uint64_t bytes = json_get_number(store, "bytes");
    char keys[HUMAN_TEXT_MAX], used[HUMAN_TEXT_MAX], all[HUMAN_TEXT_MAX], watchers[HUMAN_TEXT_MAX];
    double share = quota == 0 ? 0 : (double)bytes / (double)quota;

    printf("\n%sstore%s  revision %" PRIu64, g->terminal.bold, g->terminal.plain, json_get_number(store, "revision"));
    if (json_get_number(store, "compact_revision") > 0) {
        printf(" (history since %" PRIu64 ")", json_get_number(store, "compact_revision"));
    }
    printf(", %s keys, %s%s of %s%s, %s watches\n", human_count(json_get_number(store, "keys"), keys),
           terminal_load_colour(&g->terminal, share), human_bytes(bytes, used), human_bytes(quota, all),
           g->terminal.plain, human_count(json_get_number(store, "watchers"), watchers));
    if (json_is_true(json_object_get(store, "full"))) {
        printf("%sit is full: durable writes are refused; delete keys, or raise store-quota%s\n", g->terminal.red,
               g->terminal.plain);
    }
}

static bool print_tables(const struct group *g, const json_t *listing) {
    const json_t *groups = json_object_get(listing, "groups");
    const json_t *store = json_object_get(listing, "store");
    int width = name_width(groups);
    size_t index;
    json_t *group;

    if (!json_is_array(groups)) {
        return false;
    }
    printf("%s%-*s  %-7s  %-12s  %9s  %9s  %9s  %12s  %6s  %s%s\n", g->terminal.dim, width, "GROUP", "BACKING", "FRESH",
           "TTL", "MAX TTL", "MAX ITEM", "REQUESTS", "HITS %", "PREFIX", g->terminal.plain);
    json_array_foreach(groups, index, group) {
        print_group(g, group, width);
    }
    if (store != NULL) {
        print_store(g, store);
    }
    return true;
}

static int print(const struct group *g, struct slice body) {
    json_t *listing = node_read_json(&g->node, body);
    bool printed;

    if (listing == NULL) {
        return EXIT_CODE_SERVER;
    }
    if (g->node.ask.json) {
        json_print_line(listing);
        return EXIT_CODE_OK;
    }
    printed = print_tables(g, listing);
    json_decref(listing);
    if (!printed) {
        fprintf(stderr, "%s: %s answered with a list of another form; is it an older or a newer larderd?\n",
                g->node.ask.program, g->node.ask.server);
    }
    return printed ? EXIT_CODE_OK : EXIT_CODE_SERVER;
}

static int list(struct group *g) {
    struct transfer_request request = {.method = "GET"};
    struct transfer_answer answer;
    int code = node_open(&g->node);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    target_begin(&g->node.target, SLICE("admin/groups"));
    code = node_ask(&g->node, &request, &answer);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    return answer.status == 200 ? print(g, answer.body) : node_explain_refusal(&g->node, "list its groups", &answer);
}

static int run(int argc, char **argv) {
    struct group g = {.node = node_defaults("larder group")};
    int count;
    int code;

    if (!ask_parse(&usage, argc, argv, &g.node.ask, &count, &code)) {
        return code;
    }
    if (strcmp(argv[0], "list") != 0) {
        fprintf(stderr, "%s: there is no '%s', only: larder group list\n", g.node.ask.program, argv[0]);
        return EXIT_CODE_USAGE;
    }
    g.terminal = terminal_detect();
    code = list(&g);
    node_close(&g.node);
    return code;
}

const struct subcommand subcommand_group = {"group", "list the groups of a node, and how they are used", run};
