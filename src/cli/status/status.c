/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/json_out.h"
#include "cli/status/cluster_ask.h"
#include "cli/status/node.h"

struct status_options {
    struct ask ask; /* first: ASK_ROWS */
    const char *endpoints;
    struct tls_files tls;
};

#define TEXT_ROW(row_name, row_argument, field, text)                                                                  \
    {                                                                                                                  \
        .name = row_name, .argument = row_argument, .kind = OPTION_TEXT,                                               \
        .offset = offsetof(struct status_options, field), .help = text                                                 \
    }

static const struct option_row rows[] = {
    ASK_ROWS,
    TEXT_ROW("endpoints", "URL[,...]", endpoints,
             "ask the etcd cluster there, and not a server of ours: HOST:PORT,\n"
             "http://HOST:PORT or https://HOST:PORT; members not named are found"),
    TEXT_ROW("cacert", "FILE", tls.ca, "with --endpoints: the authorities to believe, PEM (the system's)"),
    TEXT_ROW("cert", "FILE", tls.certificate, "with --endpoints: a certificate of our own, PEM; needs --key"),
    TEXT_ROW("key", "FILE", tls.key, "with --endpoints: its private key, PEM"),
    {.name = "insecure-skip-tls-verify",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct status_options, tls.insecure),
     .help = "with --endpoints: believe any certificate, for tests"},
    {.name = NULL},
};

static const struct ask_usage usage = {
    .text =
        "larder status - how a server is, or a cluster, on one screen\n\n"
        "usage: larder status [OPTIONS]\n"
        "       larder status --endpoints URL[,...] [OPTIONS]\n\n"
        "Works with Larder and with memcached; everything counts from the server's start. With --endpoints every\n"
        "member of an etcd cluster is asked by itself; the exit code is then 0 if all are well, 1 if not, 3 if none\n"
        "answers.\n\n"
        "examples:\n"
        "  larder status\n"
        "  larder status --server cache1:11211\n"
        "  larder status --json | jq .hit_ratio\n"
        "  larder status >/dev/null 2>&1 || echo 'it is down'\n"
        "  larder status --endpoints https://h1:2379,https://h2:2379 --cacert ca.pem\n",
    .rows = rows,
    .max_words = 0,
    .words = "no arguments",
};

/* --- a server --- */

static int show_node(struct status_options *options) {
    int code;

    if (options->tls.ca != NULL || options->tls.certificate != NULL || options->tls.key != NULL ||
        options->tls.insecure) {
        fprintf(stderr, "%s: --cacert, --cert, --key and --insecure-skip-tls-verify are for --endpoints\n",
                options->ask.program);
        return EXIT_CODE_USAGE;
    }
    code = ask_open(&options->ask);
    if (code != EXIT_CODE_OK) {
        return code;
    }
    code = status_node(&options->ask);
    ask_close(&options->ask);
    return code;
}

/* --- a cluster --- */

static void print_screen(const struct cluster_look *look) {
    struct terminal terminal = terminal_detect();

    if (look->id == 0) {
        printf("%scluster%s   ", terminal.bold, terminal.plain);
    } else {
        printf("%scluster %" PRIx64 "%s   ", terminal.bold, look->id, terminal.plain);
    }
    cluster_print_summary(&terminal, look);
    fputs("\n\n", stdout);
    cluster_print_members(&terminal, look, "");
}

static void print_json(const struct cluster_look *look) {
    const struct etcd_member *leader = cluster_leader(look);
    json_t *object = json_object();

    json_set(object, "cluster", cluster_id_json(look->id));
    json_set(object, "well", json_boolean(cluster_is_well(look)));
    json_set(object, "leader", cluster_id_json(leader == NULL ? 0 : leader->id));
    json_set(object, "revision", json_integer(cluster_revision(look)));
    json_set(object, "members", cluster_members_json(look));
    json_print_line(object);
}

static int show_cluster(const struct status_options *options) {
    const struct cluster_question question = {.program = options->ask.program,
                                              .endpoints = options->endpoints,
                                              .user = options->ask.user,
                                              .tls = options->tls,
                                              .timeout_ns = options->ask.timeout_ns};
    struct cluster_look *look = calloc(1, sizeof(*look));
    int code = EXIT_CODE_FAILURE;

    if (look == NULL) {
        fprintf(stderr, "%s: out of memory\n", options->ask.program);
        return code;
    }
    if (ask_user_is_good(&options->ask, &code)) {
        code = cluster_ask(&question, look);
    }
    if (look->count > 0 && (code == EXIT_CODE_OK || code == EXIT_CODE_UNREACHABLE)) {
        if (options->ask.json) {
            print_json(look);
        } else {
            print_screen(look);
        }
    }
    code = code == EXIT_CODE_OK && !cluster_is_well(look) ? EXIT_CODE_FAILURE : code;
    free(look);
    return code;
}

static int run(int argc, char **argv) {
    struct status_options options = {.ask = ask_defaults("larder status")};
    int count;
    int code;

    if (!ask_parse(&usage, argc, argv, &options.ask, &count, &code)) {
        return code;
    }
    return options.endpoints == NULL ? show_node(&options) : show_cluster(&options);
}

const struct subcommand subcommand_status = {"status", "how a server or a cluster is, on one screen", run};
