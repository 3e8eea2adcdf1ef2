/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/options.h"
#include "cli/ring.h"
#include "cli/ring_simulation.h"
#include "cli/subcommand.h"

#define PROGRAM "larder ring simulate"

enum {
    NODES_DEFAULT = 10,
    KEYS_DEFAULT = 1000000,
    ROWS_MAX = 32, /* of nodes that are all shown */
    ROWS_EACH = 8, /* else: the fullest and the emptiest */
};

struct ring_simulate {
    uint64_t nodes;
    uint64_t keys;
    bool json;
};

static const struct option_row rows[] = {
    {.name = "nodes",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct ring_simulate, nodes),
     .min = SIMULATION_NODES_MIN,
     .max = SIMULATION_NODES_MAX,
     .help = "how many nodes (10)"},
    {.name = "keys",
     .argument = "N",
     .kind = OPTION_COUNT,
     .offset = offsetof(struct ring_simulate, keys),
     .min = 1,
     .max = SIMULATION_KEYS_MAX,
     .help = "how many keys (1000000)"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct ring_simulate, json),
     .help = "print JSON, for programs"},
    {.name = NULL},
};

static void print_help(void) {
    fputs("larder ring simulate - how keys spread over nodes, and which ones move when a node comes or goes\n\n"
          "usage: larder ring simulate [--nodes N] [--keys N] [--json]\n\n"
          "Makes the ring that so many nodes would make, and looks up the keys key-0, key-1 and so on in it. Needs no\n"
          "server. A node that comes or goes moves its own keys and no others; OF THE MEAN is what a node has against\n"
          "what it would have if all had as many.\n\n"
          "examples:\n"
          "  larder ring simulate\n"
          "  larder ring simulate --nodes 1000 --json | jq .fullest.of_mean\n"
          "\noptions:\n",
          stdout);
    options_print(rows, stdout);
    fputs("\nexit codes:\n  0 done   1 there is not enough memory   2 wrong arguments\n", stdout);
}

/* --- for people --- */

static void print_row(const struct simulation *s, const struct simulation_node *node) {
    char keys[HUMAN_TEXT_MAX], slots[HUMAN_TEXT_MAX];

    printf("%-10s  %14s  %9s  %11.3f\n", node->name, human_count(node->keys, keys), human_count(node->slots, slots),
           simulation_of_mean(s, node->keys));
}

static int compare_keys(const void *left, const void *right) {
    const struct simulation_node *a = *(const struct simulation_node *const *)left;
    const struct simulation_node *b = *(const struct simulation_node *const *)right;

    return a->keys != b->keys ? (a->keys < b->keys) - (a->keys > b->keys) : (a > b) - (a < b);
}

static void print_ends(const struct simulation *s) {
    const struct simulation_node *nodes[RING_NODES_MAX];

    for (size_t i = 0; i < s->count; i++) {
        nodes[i] = &s->nodes[i];
    }
    qsort(nodes, s->count, sizeof(nodes[0]), compare_keys);
    for (size_t i = 0; i < ROWS_EACH; i++) {
        print_row(s, nodes[i]);
    }
    printf("... %zu more ...\n", s->count - 2 * ROWS_EACH);
    for (size_t i = s->count - ROWS_EACH; i < s->count; i++) {
        print_row(s, nodes[i]);
    }
}

static void print_move(const struct simulation_move *move, const char *what) {
    char moved[HUMAN_TEXT_MAX], fair[HUMAN_TEXT_MAX], needless[HUMAN_TEXT_MAX];

    printf("%s %s: %s keys move, %.3f of a fair share of %s; %s of them between other nodes\n", move->name, what,
           human_count(move->moved, moved), (double)move->moved / move->fair,
           human_count((uint64_t)(move->fair + 0.5), fair), human_count(move->needless, needless));
}

static void print_text(const struct simulation *s) {
    const struct simulation_node *fullest = &s->nodes[s->fullest], *emptiest = &s->nodes[s->emptiest];
    char keys[HUMAN_TEXT_MAX], slots[HUMAN_TEXT_MAX];

    printf("%zu nodes, %s keys in %s slots\n\n%-10s  %14s  %9s  %11s\n", s->count, human_count(s->keys, keys),
           human_count(RING_SLOTS, slots), "NODE", "KEYS", "SLOTS", "OF THE MEAN");
    if (s->count > ROWS_MAX) {
        print_ends(s);
    } else {
        for (size_t i = 0; i < s->count; i++) {
            print_row(s, &s->nodes[i]);
        }
    }
    printf("\nfullest: %s with %.3f of the mean; emptiest: %s with %.3f\n", fullest->name,
           simulation_of_mean(s, fullest->keys), emptiest->name, simulation_of_mean(s, emptiest->keys));
    print_move(&s->come, "comes");
    print_move(&s->go, "goes");
}

/* --- for programs --- */

static json_t *describe_node(const struct simulation *s, const struct simulation_node *node) {
    json_t *object = json_object();

    json_set(object, "id", json_string(node->name));
    json_set(object, "keys", json_integer((json_int_t)node->keys));
    json_set(object, "slots", json_integer((json_int_t)node->slots));
    json_set(object, "of_mean", json_real(simulation_of_mean(s, node->keys)));
    return object;
}

static json_t *describe_move(const struct simulation_move *move) {
    json_t *object = json_object();

    json_set(object, "id", json_string(move->name));
    json_set(object, "moved", json_integer((json_int_t)move->moved));
    json_set(object, "needless", json_integer((json_int_t)move->needless));
    json_set(object, "of_share", json_real((double)move->moved / move->fair));
    return object;
}

static void print_json(const struct simulation *s) {
    json_t *report = json_object(), *members = json_array();

    for (size_t i = 0; i < s->count; i++) {
        json_array_append_new(members, describe_node(s, &s->nodes[i]));
    }
    json_set(report, "nodes", json_integer((json_int_t)s->count));
    json_set(report, "keys", json_integer((json_int_t)s->keys));
    json_set(report, "slots", json_integer(RING_SLOTS));
    json_set(report, "algorithm", json_integer(RING_ALGORITHM));
    json_set(report, "members", members);
    json_set(report, "fullest", describe_node(s, &s->nodes[s->fullest]));
    json_set(report, "emptiest", describe_node(s, &s->nodes[s->emptiest]));
    json_set(report, "come", describe_move(&s->come));
    json_set(report, "go", describe_move(&s->go));
    json_print_line(report);
}

static int simulate(const struct ring_simulate *r) {
    struct simulation *s = malloc(sizeof(*s));
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    if (s != NULL) {
        error = simulation_run(r->nodes, r->keys, s);
    }
    if (error == LARDER_OK) {
        (r->json ? print_json : print_text)(s);
    } else {
        fprintf(stderr, PROGRAM ": %s\n", larder_error_text(error));
    }
    free(s);
    return error == LARDER_OK ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

int ring_simulate(int argc, char **argv) {
    struct ring_simulate r = {.nodes = NODES_DEFAULT, .keys = KEYS_DEFAULT};
    int words;

    switch (options_parse(rows, PROGRAM, argc, argv, &r, &words)) {
    case OPTIONS_HELP:
        print_help();
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    if (words > 0) {
        fprintf(stderr, PROGRAM ": what is '%s'? There is nothing to name; see " PROGRAM " --help\n", argv[0]);
        return EXIT_CODE_USAGE;
    }
    return simulate(&r);
}
