/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/bench/progress.h"
#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/options.h"
#include "cli/subcommand.h"
#include "store/local/restore.h"

#define PROGRAM "larder restore"
#define SHOW_EVERY_NS (CLOCK_NS_PER_S / 10)

enum { WHY_BYTES = 8192 };

struct restore {
    const char *file;
    const char *directory; /* NULL: none was named */
    bool check;
    bool json;
    struct progress progress;
    int64_t began_ns;
    int64_t shown_ns;
};

static const struct option_row rows[] = {
    {.name = "data-dir",
     .argument = "DIRECTORY",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct restore, directory),
     .help = "the data-dir of the larderd that shall have it; it must not exist"},
    {.name = "check",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct restore, check),
     .help = "only read the snapshot, and say whether it is whole and what it has"},
    {.name = "json", .kind = OPTION_FLAG, .offset = offsetof(struct restore, json), .help = "print JSON, for programs"},
    {.name = NULL},
};

static void print_help(void) {
    fputs(
        "larder restore - make a store of a snapshot\n\n"
        "usage: larder restore FILE --data-dir DIRECTORY [--json]\n"
        "       larder restore --check FILE [--json]\n\n"
        "Works on files, not with a server: run it where larderd shall run, as its user, before larderd is started. "
        "The\n"
        "store has all keys with their history, revisions, leases, users and roles as of the moment of the snapshot.\n"
        "Leases begin anew, and it is a cluster of its own, with another identity than the store it comes from.\n\n"
        "The directory gets its name only when the whole snapshot has been found undamaged and the store is safely on\n"
        "the disk. So either the store is there, whole, or nothing is.\n\n"
        "examples:\n"
        "  larder restore --check backup.snapshot\n"
        "  larder restore backup.snapshot --data-dir /var/lib/larder\n"
        "  larder restore --check backup.snapshot --json | jq .revision\n"
        "\noptions:\n",
        stdout);
    options_print(rows, stdout);
    fputs("\nexit codes:\n"
          "  0 done   1 the snapshot is damaged, the directory exists, or the disk is full   2 wrong arguments\n",
          stdout);
}

/* --- what it says --- */

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    struct restore *r = ctx;
    int64_t now = clock_monotonic_ns();
    char bytes[HUMAN_TEXT_MAX];
    char text[HUMAN_TEXT_MAX + 8];
    double seconds = (double)(now - r->began_ns) / (double)CLOCK_NS_PER_S;

    if (now - r->shown_ns < SHOW_EVERY_NS || total == 0) {
        return;
    }
    r->shown_ns = now;
    snprintf(text, sizeof(text), "%s/s", human_bytes((uint64_t)((double)done / (seconds + 1e-9)), bytes));
    progress_show_text(&r->progress, r->check ? "checking" : "restoring", (double)done / (double)total, text);
}

static void print_json(const struct restore *r, const struct snapshot_summary *s) {
    json_t *object = json_object();

    json_set(object, "result", json_string(r->check ? "whole" : "restored"));
    json_set_bytes(object, "file", slice_from_string(r->file));
    if (!r->check) {
        json_set_bytes(object, "data_dir", slice_from_string(r->directory));
    }
    json_set(object, "format", json_integer(s->head.version));
    json_set(object, "revision", json_integer(s->head.revision));
    json_set(object, "compact_revision", json_integer(s->head.compact_revision));
    json_set(object, "keys", json_integer((json_int_t)s->head.keys));
    json_set(object, "records", json_integer((json_int_t)s->counts.records));
    json_set(object, "leases", json_integer((json_int_t)s->counts.leases));
    json_set(object, "bytes", json_integer((json_int_t)s->bytes));
    json_print_line(object);
}

static void print_text(const struct restore *r, const struct snapshot_summary *s) {
    char keys[HUMAN_TEXT_MAX];
    char records[HUMAN_TEXT_MAX];
    char leases[HUMAN_TEXT_MAX];
    char bytes[HUMAN_TEXT_MAX];

    if (r->check) {
        printf("%s is whole and undamaged\n", r->file);
    } else {
        printf("restored to %s\n", r->directory);
    }
    printf("  revision   %" PRId64 "\n", s->head.revision);
    if (s->head.compact_revision > 0) {
        printf("  compacted  %" PRId64 "\n", s->head.compact_revision);
    }
    printf("  keys       %s, in %s versions\n", human_count(s->head.keys, keys),
           human_count(s->counts.records, records));
    printf("  leases     %s\n", human_count(s->counts.leases, leases));
    printf("  size       %s\n", human_bytes(s->bytes, bytes));
    if (!r->check) {
        printf("start it with: larderd --data-dir %s\n", r->directory);
    }
}

/* --- what it does --- */

static int restore(struct restore *r) {
    const struct restore_watcher watcher = {.progress = r->progress.enabled ? on_progress : NULL, .ctx = r};
    struct snapshot_summary summary;
    struct buf why;
    bool good;

    buf_init(&why, WHY_BYTES);
    r->began_ns = clock_monotonic_ns();
    good = r->check ? local_check_snapshot(r->file, &watcher, &summary, &why)
                    : local_restore_watched(r->file, r->directory, &watcher, &summary, &why);
    progress_clear(&r->progress);
    if (!good) {
        fprintf(stderr, PROGRAM ": %.*s\n", (int)why.size, why.data);
    } else if (r->json) {
        print_json(r, &summary);
    } else {
        print_text(r, &summary);
    }
    buf_fini(&why);
    return good ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static bool check_arguments(const struct restore *r, int count) {
    if (count != 1) {
        fprintf(stderr, PROGRAM ": expected the FILE of one snapshot; see " PROGRAM " --help\n");
        return false;
    }
    if (r->check && r->directory != NULL) {
        fprintf(stderr, PROGRAM ": --check makes no store; leave --data-dir out, or --check\n");
        return false;
    }
    if (!r->check && r->directory == NULL) {
        fprintf(stderr, PROGRAM ": say where the store shall be: --data-dir DIRECTORY\n");
        return false;
    }
    return true;
}

static int run(int argc, char **argv) {
    struct restore r = {.file = NULL};
    int count;

    switch (options_parse(rows, PROGRAM, argc, argv, &r, &count)) {
    case OPTIONS_HELP:
        print_help();
        return EXIT_CODE_OK;
    case OPTIONS_WRONG:
        return EXIT_CODE_USAGE;
    case OPTIONS_DONE:
        break;
    }
    if (!check_arguments(&r, count)) {
        return EXIT_CODE_USAGE;
    }
    r.file = argv[0];
    progress_init(&r.progress, r.json);
    return restore(&r);
}

const struct subcommand subcommand_restore = {"restore", "make a store of a snapshot", run};
