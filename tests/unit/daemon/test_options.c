/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/command_line.h"
#include "daemon/option_text.h"

enum { ARGUMENTS_MAX = 16 };

struct run {
    struct options options;
    struct diagnostics diagnostics;
    bool good;
};

/* Loads the space-separated flags and variables. */
static void load(struct run *run, const char *flags, const char *variables) {
    char flag_text[512];
    char variable_text[512];
    char *argv[ARGUMENTS_MAX] = {(char *)"larderd"};
    char *environment[ARGUMENTS_MAX] = {NULL};
    int argc = 1;
    int count = 0;

    snprintf(flag_text, sizeof(flag_text), "%s", flags);
    snprintf(variable_text, sizeof(variable_text), "%s", variables);
    for (char *word = strtok(flag_text, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    for (char *word = strtok(variable_text, " "); word != NULL; word = strtok(NULL, " ")) {
        environment[count++] = word;
    }
    options_init(&run->options);
    diagnostics_init(&run->diagnostics);
    run->good = options_load(&run->options, argc, argv, environment, &run->diagnostics);
}

static void unload(struct run *run) {
    options_fini(&run->options);
    diagnostics_fini(&run->diagnostics);
}

static void assert_good(const struct run *run) {
    if (!run->good) {
        fail_msg("%s", run->diagnostics.items[0].text);
    }
    assert_int_equal(run->diagnostics.count, 0);
}

/* The one mistake of these flags and variables is exactly this. */
static void assert_mistake(const char *flags, const char *variables, const char *text) {
    struct run run;

    load(&run, flags, variables);
    assert_false(run.good);
    assert_int_equal(run.diagnostics.mistakes, 1);
    assert_string_equal(run.diagnostics.items[0].text, text);
    unload(&run);
}

static void address_is(const struct run *run, size_t index, const char *text) {
    char formatted[ADDRESS_TEXT_MAX];

    assert_true(index < run->options.listens.count);
    assert_string_equal(address_format(&run->options.listens.items[index], formatted), text);
}

static void nothing_said_is_the_defaults(void **state) {
    struct run run;

    (void)state;
    load(&run, "", "");
    assert_good(&run);
    assert_int_equal(run.options.listens.count, 3);
    address_is(&run, 0, "127.0.0.1:11211");
    address_is(&run, 2, "127.0.0.1:2379");
    assert_int_equal(run.options.sources[OPTION_LISTEN], OPTION_SOURCE_DEFAULT);
    assert_int_equal(run.options.memory, 256 << 20);
    assert_int_equal(run.options.max_item, 1 << 20);
    assert_int_equal(run.options.idle_timeout_ns, 0);
    assert_int_equal(run.options.drain_timeout_ns, 10000000000);
    assert_true(run.options.threads >= 1);
    assert_null(run.options.port_file);
    assert_int_equal(run.options.log_level, LOG_LEVEL_INFO);
    assert_int_equal(run.options.group_count, 1);
    assert_int_equal(run.options.groups[0].max_item, 1 << 20);
    unload(&run);
}

static void flags_set_every_kind(void **state) {
    struct run run;

    (void)state;
    load(&run,
         "--memory 1g --threads=3 --idle-timeout 90 --log-level debug --log-format=json --port-file /tmp/p "
         "--max-item 64m --http-hosts a,b.c --check-config",
         "");
    assert_good(&run);
    assert_int_equal(run.options.memory, 1 << 30);
    assert_int_equal(run.options.threads, 3);
    assert_int_equal(run.options.idle_timeout_ns, 90000000000);
    assert_int_equal(run.options.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(run.options.log_format, LOG_FORMAT_JSON);
    assert_string_equal(run.options.port_file, "/tmp/p");
    assert_string_equal(run.options.http_hosts, "a,b.c");
    assert_int_equal(run.options.max_item, 64 << 20);
    assert_true(run.options.check_config);
    assert_int_equal(run.options.sources[OPTION_MEMORY], OPTION_SOURCE_FLAG);
    unload(&run);
}

static void listening_once_replaces_the_defaults_and_repeats_add(void **state) {
    struct run run;

    (void)state;
    load(&run, "--listen 0.0.0.0:1 --listen [::1]:0,unix:/tmp/s", "LARDER_LISTEN=127.0.0.1:9");
    assert_good(&run);
    assert_int_equal(run.options.listens.count, 3);
    address_is(&run, 0, "0.0.0.0:1");
    address_is(&run, 1, "[::1]:0");
    address_is(&run, 2, "unix:/tmp/s");
    unload(&run);
    load(&run, "", "LARDER_LISTEN=127.0.0.1:9,127.0.0.1:10");
    assert_good(&run);
    assert_int_equal(run.options.listens.count, 2);
    unload(&run);
}

static void a_flag_beats_the_environment_beats_the_file(void **state) {
    char path[] = "/tmp/larder-config-XXXXXX";
    char flags[100];
    int file = mkstemp(path);
    FILE *stream = fdopen(file, "w");
    struct run run;

    (void)state;
    fputs("[node]\nmemory = 10m\nthreads = 10\nmax-conns = 10\nlisten = 127.0.0.1:10\n", stream);
    fclose(stream);
    snprintf(flags, sizeof(flags), "--memory 30m --config %s", path);
    load(&run, flags, "LARDER_MEMORY=20m LARDER_THREADS=20 LARDER_MAX_LINE=");
    unlink(path);
    assert_good(&run);
    assert_int_equal(run.options.memory, 30 << 20);
    assert_int_equal(run.options.threads, 20);
    assert_int_equal(run.options.max_conns, 10);
    assert_int_equal(run.options.max_line, 1 << 20);
    address_is(&run, 0, "127.0.0.1:10");
    assert_int_equal(run.options.listens.count, 1);
    unload(&run);
}

static void mistakes_say_what_is_allowed(void **state) {
    (void)state;
    assert_mistake("--memory 12x", "",
                   "--memory: memory = \"12x\" is not a size: bytes, or a number with k, m or g, like 256m");
    assert_mistake("--memory 1023k", "", "--memory: memory = 1023k is too small: it may be 1m to 16384g");
    assert_mistake("--threads 257", "", "--threads: threads = 257 is too large: it may be 0 to 256");
    assert_mistake("", "LARDER_THREADS=two", "LARDER_THREADS: threads = \"two\" is not a number, like 4");
    assert_mistake("--drain-timeout soon", "",
                   "--drain-timeout: drain-timeout = \"soon\" is not a time: seconds, or a number with ms, s, m or h, "
                   "like 30s");
    assert_mistake("--log-level loud", "", "--log-level: log-level = \"loud\" is none of debug, info, warn, error");
    assert_mistake("--memroy 1g", "", "--memroy: unknown flag \"memroy\"; did you mean \"memory\"?");
    assert_mistake("--frobnicate", "", "--frobnicate: unknown flag \"frobnicate\"");
    assert_mistake("--memory", "", "--memory: needs a value: --memory SIZE");
    assert_mistake("--help=yes", "", "--help=yes: --help takes no value");
    assert_mistake("start", "", "start: is not a flag; larderd takes only flags, like --memory 256m");
    assert_mistake("--listen example.org:11211", "",
                   "--listen: listen = \"example.org:11211\" is not an address like 127.0.0.1:11211: give a numeric "
                   "address, localhost or unix:PATH");
    assert_mistake("--config /nowhere/at/all", "", "/nowhere/at/all: cannot be opened: No such file or directory");
    assert_mistake("--data-dir /dev/null", "", "--data-dir: data-dir = /dev/null is not a directory");
    assert_mistake("--data-dir /nowhere/at/all", "",
                   "--data-dir: data-dir = /nowhere/at/all cannot be made: /nowhere/at/: No such file or directory");
}

static void a_mistake_counts_although_a_flag_beats_it(void **state) {
    (void)state;
    assert_mistake("--memory 1g", "LARDER_MEMORY=much",
                   "LARDER_MEMORY: memory = \"much\" is not a size: bytes, or a number with k, m or g, like 256m");
}

static void every_mistake_is_found(void **state) {
    struct run run;

    (void)state;
    load(&run, "--memory x --threads y --nothing", "LARDER_MAX_CONNS=0");
    assert_int_equal(run.diagnostics.mistakes, 4);
    unload(&run);
}

static void a_probable_typo_in_the_environment_is_a_warning(void **state) {
    struct run run;

    (void)state;
    load(&run, "", "LARDER_MEMROY=1g LARDER_SERVICE_HOST=10.0.0.1 HOME=/");
    assert_true(run.good);
    assert_int_equal(run.diagnostics.count, 1);
    assert_true(run.diagnostics.items[0].warning);
    assert_string_equal(run.diagnostics.items[0].text,
                        "LARDER_MEMROY: this variable of the environment means nothing; did you mean LARDER_MEMORY?");
    unload(&run);
}

static void an_item_is_at_most_an_eighth_of_memory(void **state) {
    struct run run;

    (void)state;
    load(&run, "--memory 4m", "");
    assert_good(&run);
    assert_int_equal(run.options.max_item, 512 << 10);
    unload(&run);
    assert_mistake("--memory 4m --max-item 1m", "",
                   "--max-item: max-item = 1m is too large: with memory = 4m it may be 512k, an eighth");
    assert_mistake("--memory 64g --max-item 2g", "", "--max-item: max-item = 2g is too large: it may be 1k to 1g");
}

static void the_store_has_defaults_and_ceilings(void **state) {
    struct run run;

    (void)state;
    load(&run, "", "");
    assert_good(&run);
    assert_int_equal(run.options.store_quota, UINT64_C(2) << 30);
    assert_int_equal(run.options.store_history, 10000);
    assert_true(run.options.store_sync);
    assert_int_equal(run.options.max_watchers, 10000);
    assert_int_equal(run.options.max_pending_writes, 100000);
    unload(&run);
    load(&run, "--store-quota 16m --store-history=0 --store-sync no --max-pending-writes 1",
         "LARDER_MAX_WATCHERS=1000000 LARDER_STORE_SYNC=yes");
    assert_good(&run);
    assert_int_equal(run.options.store_quota, 16 << 20);
    assert_int_equal(run.options.store_history, 0);
    assert_false(run.options.store_sync);
    assert_int_equal(run.options.max_watchers, 1000000);
    assert_int_equal(run.options.max_pending_writes, 1);
    unload(&run);
    assert_mistake("--store-quota 15m", "", "--store-quota: store-quota = 15m is too small: it may be 16m to 16384g");
    assert_mistake("--store-quota 16385g", "",
                   "--store-quota: store-quota = 16385g is too large: it may be 16m to 16384g");
    assert_mistake("--store-history 1000000001", "",
                   "--store-history: store-history = 1000000001 is too large: it may be 0 to 1000000000");
    assert_mistake("--max-watchers 0", "", "--max-watchers: max-watchers = 0 is too small: it may be 1 to 1000000");
    assert_mistake("--max-watchers 1000001", "",
                   "--max-watchers: max-watchers = 1000001 is too large: it may be 1 to 1000000");
    assert_mistake("--max-pending-writes 0", "",
                   "--max-pending-writes: max-pending-writes = 0 is too small: it may be 1 to 10000000");
    assert_mistake("", "LARDER_MAX_PENDING_WRITES=10000001",
                   "LARDER_MAX_PENDING_WRITES: max-pending-writes = 10000001 is too large: it may be 1 to 10000000");
    assert_mistake("--store-sync maybe", "", "--store-sync: store-sync = \"maybe\" is none of no, yes");
}

static void a_store_may_be_in_a_cluster(void **state) {
    struct run run;

    (void)state;
    load(&run, "", "");
    assert_false(options_store_is_remote(&run.options));
    unload(&run);
    load(&run,
         "--store etcd://h1:2379,h2 --store-timeout 3s --store-attempt-timeout 300ms --store-max-connection-age 1h "
         "--store-follow-members no --store-user u --store-password-file /dev/null",
         "STATE_DIRECTORY=/tmp/b");
    assert_good(&run);
    assert_true(options_store_is_remote(&run.options));
    assert_null(run.options.data_dir);
    assert_int_equal(run.options.store_timeout_ns, INT64_C(3000000000));
    assert_int_equal(run.options.store_attempt_timeout_ns, 300000000);
    assert_int_equal(run.options.store_max_connection_age_ns, INT64_C(3600000000000));
    assert_false(run.options.store_follow_members);
    unload(&run);
}

static void what_is_kept_of_a_cluster_can_be_said(void **state) {
    struct run run;

    (void)state;
    load(&run, "--store etcd://h", "");
    assert_good(&run);
    assert_string_equal(run.options.store_watch, "auto");
    assert_false(run.options.store_progress);
    assert_int_equal(run.options.near_memory, 64 << 20);
    assert_int_equal(run.options.mirror_memory, INT64_C(1) << 30);
    assert_int_equal(run.options.watch_memory, 16 << 20);
    assert_int_equal(run.options.audit_pause_ns, 1000000000);
    unload(&run);
    load(&run, "--store etcd://h --store-watch groups --store-progress yes --audit-pause 0", "LARDER_NEAR_MEMORY=2m");
    assert_good(&run);
    assert_string_equal(run.options.store_watch, "groups");
    assert_true(run.options.store_progress);
    assert_int_equal(run.options.near_memory, 2 << 20);
    assert_int_equal(run.options.audit_pause_ns, 0);
    unload(&run);
    assert_mistake("--store etcd://h --store-watch everything", "",
                   "--store-watch: store-watch = \"everything\" is none of auto, all, groups");
    assert_mistake(
        "--store etcd://h --store-watch all --store-progress yes", "",
        "--store-progress: store-progress = yes is of no use with store-watch = all: there every change is told");
    assert_mistake(
        "--near-memory 1m", "",
        "--near-memory: near-memory is of a store in an etcd cluster; add store = etcd://..., or leave it out");
}

static void nodes_can_share_a_store(void **state) {
    struct run run;

    (void)state;
    load(&run, "--cluster shop --store etcd://h --listen 10.0.0.1:11211", "");
    assert_good(&run);
    assert_string_equal(run.options.cluster, "shop");
    assert_null(run.options.advertise); /* it is what is listened at */
    assert_null(run.options.node_id);
    assert_int_equal(run.options.lease_ns, INT64_C(5000000000));
    assert_int_equal(run.options.handoff_ns, INT64_C(30000000000));
    assert_int_equal(run.options.peer_timeout_ns, 1000000000);
    assert_string_equal(run.options.on_isolation, "refuse");
    unload(&run);
    load(&run, "--cluster shop --store etcd://h --advertise db1:11211 --node-id one --on-isolation serve",
         "LARDER_LEASE=20s LARDER_PEER_TIMEOUT=200ms");
    assert_good(&run);
    assert_string_equal(run.options.advertise, "db1:11211");
    assert_string_equal(run.options.node_id, "one");
    assert_string_equal(run.options.on_isolation, "serve");
    assert_int_equal(run.options.handoff_ns, INT64_C(40000000000)); /* at least two leases */
    assert_int_equal(run.options.peer_timeout_ns, 200000000);
    unload(&run);
}

static void what_nodes_cannot_share_is_a_mistake(void **state) {
    (void)state;
    assert_mistake("--cluster shop", "",
                   "--cluster: cluster needs a store that the nodes share: data-dir on the one that keeps it, store = "
                   "etcd://... on the others");
    assert_mistake("--store etcd://h --node-id one", "", "--node-id: node-id is of no use without cluster");
    assert_mistake("--store etcd://h", "LARDER_LEASE=3s", "lease (environment): lease is of no use without cluster");
    assert_mistake("--cluster shop --store etcd://h --listen 0.0.0.0:11211", "",
                   "--cluster: cluster needs advertise = HOST:PORT: nobody can reach this node at what it listens on, "
                   "a wildcard or a Unix socket");
    assert_mistake("--cluster shop --store etcd://h --advertise 0.0.0.0:11211", "",
                   "--advertise: advertise = 0.0.0.0:11211 is nowhere that another node could reach");
    assert_mistake("--cluster shop --store etcd://h --advertise h:0", "",
                   "--advertise: advertise = h:0 is nowhere that another node could reach");
    assert_mistake("--cluster shop --store etcd://h --lease 2500ms", "", "--lease: lease is in whole seconds");
    assert_mistake("--cluster shop --store etcd://h --lease 5s --handoff 9s", "",
                   "--handoff: handoff is less than twice lease");
    assert_mistake("--cluster shop --store etcd://h --on-isolation guess", "",
                   "--on-isolation: on-isolation = \"guess\" is none of refuse, serve");
}

static void an_attempt_has_half_of_the_time_at_most(void **state) {
    struct run run;

    (void)state;
    load(&run, "--store etcd://h --store-timeout 1s", "");
    assert_good(&run);
    assert_int_equal(run.options.store_attempt_timeout_ns, 500000000);
    unload(&run);
    load(&run, "--store etcd://h --store-timeout 1s --store-attempt-timeout 900ms", "");
    assert_good(&run);
    assert_int_equal(run.options.store_attempt_timeout_ns, 900000000);
    unload(&run);
}

static void what_does_not_go_with_a_cluster_is_a_mistake(void **state) {
    static const char own[] = " is of a store that this node keeps itself; with store = etcd://... it has no meaning";
    char text[300];

    (void)state;
    snprintf(text, sizeof(text), "--data-dir: data-dir%s", own);
    assert_mistake("--store etcd://h --data-dir /tmp", "", text);
    snprintf(text, sizeof(text), "store-quota (environment): store-quota%s", own);
    assert_mistake("--store etcd://h", "LARDER_STORE_QUOTA=1g", text);
    assert_mistake("--store somewhere", "",
                   "--store: store = somewhere is neither local nor the members of a cluster, as "
                   "etcd://h1:2379,h2:2379");
    assert_mistake("--store etcd://h:0", "",
                   "--store: \"etcd://h:0\" is no endpoint of etcd: nobody listens at port 0");
    /* Nothing of what may be a password is shown. */
    assert_mistake("--store etcd://root:secret@h:2379", "",
                   "--store: endpoints of etcd have no user and password in them, where lists of processes show them: "
                   "the option --store-user (larderd) or --user (larder) says them");
    assert_mistake("--store root:secret@h:2379", "",
                   "--store: endpoints of etcd have no user and password in them, where lists of processes show them: "
                   "the option --store-user (larderd) or --user (larder) says them");
    assert_mistake(
        "--store-user u", "",
        "--store-user: store-user is of a store in an etcd cluster; add store = etcd://..., or leave it out");
    assert_mistake("--store etcd://h --store-user u", "",
                   "--store-user: store-user is of no use without store-password-file");
    assert_mistake("--store etcd://h --store-user u --store-password-file /nowhere/at/all", "",
                   "--store-password-file: store-password-file = /nowhere/at/all: No such file or directory");
    assert_mistake("--store etcd://h --store-ca /dev/null", "",
                   "--store-ca: store-ca is for TLS, and no member is asked by it; write store = etcds://...");
    assert_mistake("--store etcds://h --store-cert /dev/null", "",
                   "--store-cert: store-cert is of no use without store-key");
    assert_mistake("--store etcds://h --store-ca /nowhere/at/all", "",
                   "--store-ca: store-ca = /nowhere/at/all: No such file or directory");
    assert_mistake(
        "--store etcd://h --store-timeout 1s --store-attempt-timeout 2s", "",
        "--store-attempt-timeout: store-attempt-timeout is longer than store-timeout: no second member would be "
        "tried");
}

/* A file with one store group, or one of memory; the caller unlinks it. */
static void write_config(char path[64], const char *backing) {
    FILE *stream;

    snprintf(path, 64, "/tmp/larder-config-XXXXXX");
    stream = fdopen(mkstemp(path), "w");
    fprintf(stream, "[group \"a\"]\nbacking = %s\n", backing);
    fclose(stream);
}

/* Where the store of a node with these flags and variables would be; NULL: nowhere. */
static void assert_data_dir(const char *backing, const char *flags, const char *variables, const char *expected) {
    char path[64];
    char all_flags[200];
    struct run run;

    write_config(path, backing);
    snprintf(all_flags, sizeof(all_flags), "--config %s %s", path, flags);
    load(&run, all_flags, variables);
    unlink(path);
    if (expected == NULL) {
        assert_null(run.options.data_dir);
    } else {
        assert_non_null(run.options.data_dir);
        assert_string_equal(run.options.data_dir, expected);
    }
    unload(&run);
}

static void a_directory_is_found_where_it_is_said_or_needed(void **state) {
    (void)state;
    assert_data_dir("store", "--data-dir /tmp/a", "STATE_DIRECTORY=/tmp/b LARDER_DATA_DIR=/tmp/c", "/tmp/a");
    assert_data_dir("store", "", "STATE_DIRECTORY=/tmp/b LARDER_DATA_DIR=/tmp/c", "/tmp/c");
    assert_data_dir("store", "", "STATE_DIRECTORY=/tmp/b", "/tmp/b");
    assert_data_dir("store", "", "STATE_DIRECTORY=/tmp/b:/tmp/d", "/tmp/b");
    assert_data_dir("store", "", "STATE_DIRECTORY=", "/var/lib/larder");
    assert_data_dir("store", "", "", "/var/lib/larder");
    assert_data_dir("memory", "", "STATE_DIRECTORY=/tmp/b", "/tmp/b");
    assert_data_dir("memory", "", "", NULL);
    assert_data_dir("memory", "--data-dir /tmp/a", "", "/tmp/a");
}

static void a_state_directory_that_is_none_is_a_mistake(void **state) {
    char path[64];
    char flags[100];

    (void)state;
    write_config(path, "store");
    snprintf(flags, sizeof(flags), "--config %s", path);
    assert_mistake(flags, "STATE_DIRECTORY=/dev/null", "data-dir (default): data-dir = /dev/null is not a directory");
    unlink(path);
}

static void too_many_mistakes_are_counted(void **state) {
    struct diagnostics d;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    diagnostics_init(&d);
    for (int i = 0; i < DIAGNOSTICS_MAX + 5; i++) {
        diagnostics_mistake(&d, (struct place){.name = "f", .line = 7}, "no");
    }
    diagnostics_print(&d, stream, false);
    fclose(stream);
    assert_int_equal(d.mistakes, DIAGNOSTICS_MAX + 5);
    assert_memory_equal(text, "error: f:7: no\n", 15);
    assert_string_equal(text + size - strlen("... and 5 more\n"), "... and 5 more\n");
    free(text);
    diagnostics_fini(&d);
}

/* Runs the whole command line; the caller frees what was written. */
static bool command_line(const char *flag, char **ret_out, char **ret_err, int *ret_status) {
    char *argv[] = {(char *)"larderd", (char *)flag, NULL};
    char *environment[] = {NULL};
    struct options o;
    size_t size;
    FILE *out = open_memstream(ret_out, &size);
    FILE *err = open_memstream(ret_err, &size);
    bool start = command_line_read(flag == NULL ? 1 : 2, argv, environment, out, err, &o, ret_status);

    fclose(out);
    fclose(err);
    options_fini(&o);
    return start;
}

static void the_command_line_answers_for_itself(void **state) {
    char *out;
    char *err;
    int status;

    (void)state;
    assert_true(command_line(NULL, &out, &err, &status));
    assert_string_equal(out, "");
    free(out);
    free(err);
    assert_false(command_line("-V", &out, &err, &status));
    assert_int_equal(status, 0);
    assert_string_equal(out, "larderd " LARDER_VERSION "\n");
    free(out);
    free(err);
    assert_false(command_line("--check-config", &out, &err, &status));
    assert_int_equal(status, 0);
    assert_memory_equal(out, "OK", 2);
    assert_string_equal(err, "");
    free(out);
    free(err);
    assert_false(command_line("--memory=0", &out, &err, &status));
    assert_int_equal(status, 1);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "error: --memory=0: memory = 0 is too small"));
    free(out);
    free(err);
}

static void help_names_every_option_and_fits(void **state) {
    char *out;
    char *err;
    char name[64];
    int status;

    (void)state;
    assert_false(command_line("-h", &out, &err, &status));
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        snprintf(name, sizeof(name), "\n  --%s", option_infos[i].name);
        assert_non_null(strstr(out, name));
    }
    for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= 110);
        assert_null(strchr(line, '\033'));
    }
    free(out);
    free(err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_the_defaults),
        cmocka_unit_test(flags_set_every_kind),
        cmocka_unit_test(listening_once_replaces_the_defaults_and_repeats_add),
        cmocka_unit_test(a_flag_beats_the_environment_beats_the_file),
        cmocka_unit_test(mistakes_say_what_is_allowed),
        cmocka_unit_test(a_mistake_counts_although_a_flag_beats_it),
        cmocka_unit_test(every_mistake_is_found),
        cmocka_unit_test(a_probable_typo_in_the_environment_is_a_warning),
        cmocka_unit_test(an_item_is_at_most_an_eighth_of_memory),
        cmocka_unit_test(the_store_has_defaults_and_ceilings),
        cmocka_unit_test(a_store_may_be_in_a_cluster),
        cmocka_unit_test(what_is_kept_of_a_cluster_can_be_said),
        cmocka_unit_test(nodes_can_share_a_store),
        cmocka_unit_test(what_nodes_cannot_share_is_a_mistake),
        cmocka_unit_test(an_attempt_has_half_of_the_time_at_most),
        cmocka_unit_test(what_does_not_go_with_a_cluster_is_a_mistake),
        cmocka_unit_test(a_directory_is_found_where_it_is_said_or_needed),
        cmocka_unit_test(a_state_directory_that_is_none_is_a_mistake),
        cmocka_unit_test(too_many_mistakes_are_counted),
        cmocka_unit_test(the_command_line_answers_for_itself),
        cmocka_unit_test(help_names_every_option_and_fits),
    };

    return cmocka_run_group_tests_name("daemon-options", tests, NULL, NULL);
}
