/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/human.h"
#include "cli/json_in.h"
#include "cli/json_out.h"
#include "cli/node.h"
#include "cli/terminal.h"

enum { WAIT_S = 600 };

struct audit {
    struct node node; /* first: ASK_ROWS */
    struct terminal terminal;
    int64_t start_ns;
    bool shows_progress;
    struct buf key; /* of a difference, when it came in base64 */
};

static const struct option_row rows[] = {ASK_ROWS_THAT_WAIT("10m"), {.name = NULL}};

static const struct ask_usage usage = {
    .text = "larder audit - compare what a node holds in memory with what the store has\n\n"
            "usage: larder audit [OPTIONS]\n\n"
            "Every copy of a key of the store that the node has, as a near cache of an etcd cluster and for its store "
            "groups,\n"
            "is compared with the store itself. Clients are served meanwhile, and what they change is no difference. "
            "There\n"
            "must be none; what is found is mended, named here and in the node's log, and counted in its metrics. The "
            "node\n"
            "does the same slowly by itself, so this is for when you want to know now. Goes over HTTP; root's alone "
            "where\n"
            "users are known. Exits with 0 if all is as it must be, with 1 if it was not, with more if it cannot be "
            "told.\n\n"
            "examples:\n"
            "  larder audit\n"
            "  larder audit --server 10.0.0.7:8080 || echo \"look at its log\"\n"
            "  larder audit --json | jq .differences   {\"compared\":5,\"differences\":0,\"keys\":[]}\n",
    .rows = rows,
    .max_words = 0,
    .words = "no arguments",
};

/* A line that is written over until there is an answer. */
static void show_progress(void *ctx) {
    const struct audit *a = ctx;
    uint64_t seconds = (uint64_t)((clock_monotonic_ns() - a->start_ns) / CLOCK_NS_PER_S);
    char time[HUMAN_TEXT_MAX];

    if (seconds > 0) {
        fprintf(stderr, "\r%s: comparing, %s so far ", a->node.ask.program, human_duration(seconds, time));
    }
}

static void clear_progress(const struct audit *a) {
    if (a->shows_progress) {
        fputs("\r\033[K", stderr);
    }
}

static void print_keys(struct audit *a, const json_t *keys, uint64_t differences) {
    char text[SLICE_ESCAPED_MAX];
    char more[HUMAN_TEXT_MAX];
    size_t index;
    json_t *key;

    json_array_foreach(keys, index, key) {
        struct slice bytes;

        if (json_get_bytes(key, "key", &a->key, &bytes)) {
            printf("  %s\n", slice_escape(bytes, text));
        }
    }
    if (differences > json_array_size(keys)) {
        printf("  and %s more\n", human_count(differences - json_array_size(keys), more));
    }
}

static void print_report(struct audit *a, const json_t *report) {
    const struct terminal *t = &a->terminal;
    uint64_t differences = json_get_number(report, "differences");
    char compared[HUMAN_TEXT_MAX];
    char wrong[HUMAN_TEXT_MAX];

    human_count(json_get_number(report, "compared"), compared);
    if (differences == 0) {
        printf("%s compared, %sno differences%s\n", compared, t->green, t->plain);
        return;
    }
    printf("%s compared, %s%s wrong%s; mended now, their keys in the store:\n", compared, t->red,
           human_count(differences, wrong), t->plain);
    print_keys(a, json_object_get(report, "keys"), differences);
}

static int print(struct audit *a, struct slice body) {
    json_t *report = node_read_json(&a->node, body);
    int code;

    if (report == NULL) {
        return EXIT_CODE_SERVER;
    }
    if (!json_is_integer(json_object_get(report, "differences"))) {
        fprintf(stderr, "%s: %s answered with a report of another form; is it an older or a newer larderd?\n",
                a->node.ask.program, a->node.ask.server);
        json_decref(report);
        return EXIT_CODE_SERVER;
    }
    code = json_get_number(report, "differences") == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
    if (a->node.ask.json) {
        json_print_line(report);
        return code;
    }
    print_report(a, report);
    json_decref(report);
    return code;
}

static int order(struct audit *a) {
    struct transfer_request request = {.method = "POST", .has_body = true};
    struct transfer_answer answer;
    int code = node_open(&a->node);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (a->shows_progress) {
        request.waits = show_progress;
        request.waits_ctx = a;
    }
    target_begin(&a->node.target, SLICE("admin/audit"));
    a->start_ns = clock_monotonic_ns();
    code = node_ask(&a->node, &request, &answer);
    clear_progress(a);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    return answer.status == 200 ? print(a, answer.body) : node_explain_refusal(&a->node, "audit", &answer);
}

static int run(int argc, char **argv) {
    struct audit a = {.node = node_defaults("larder audit")};
    int count;
    int code;

    a.node.ask.timeout_ns = WAIT_S * CLOCK_NS_PER_S;
    if (!ask_parse(&usage, argc, argv, &a.node.ask, &count, &code)) {
        return code;
    }
    a.terminal = terminal_detect();
    a.shows_progress = isatty(STDERR_FILENO) != 0 && !a.node.ask.json;
    buf_init(&a.key, TRANSFER_BODY_MAX);
    code = order(&a);
    buf_fini(&a.key);
    node_close(&a.node);
    return code;
}

const struct subcommand subcommand_audit = {"audit", "compare what a node holds in memory with its store", run};
