/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/node.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/human.h"
#include "cli/json_out.h"
#include "cli/stat_list.h"
#include "cli/status/cluster_seen.h"
#include "cli/terminal.h"

struct status {
    const struct ask *ask;
    struct terminal terminal;
    struct stat_list list;
    bool is_cluster; /* its store is one */
    struct cluster_seen cluster;
};

static uint64_t number(const struct status *s, const char *name) {
    return stat_list_number(&s->list, name);
}

static const char *version(const struct status *s) {
    const struct stat_line *line = stat_list_find(&s->list, "version");

    return line != NULL && human_readable(slice_from_string(line->value)) ? line->value : "unknown";
}

/* 0 when `whole` is. */
static double share(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : (double)part / (double)whole;
}

static uint64_t reads(const struct status *s) {
    return number(s, "get_hits") + number(s, "get_misses");
}

static const char *label(const struct status *s, const char *text) {
    static char line[64];

    snprintf(line, sizeof(line), "  %s%-12s%s", s->terminal.dim, text, s->terminal.plain);
    return line;
}

static void print_head(const struct status *s) {
    char uptime[HUMAN_TEXT_MAX];

    printf("%s%s%s   version %s, up %s, pid %" PRIu64 ", threads %" PRIu64 "\n\n", s->terminal.bold, s->ask->server,
           s->terminal.plain, version(s), human_duration(number(s, "uptime"), uptime), number(s, "pid"),
           number(s, "threads"));
}

static void print_hits(const struct status *s) {
    char hits[HUMAN_TEXT_MAX];
    char all[HUMAN_TEXT_MAX];

    if (reads(s) == 0) {
        printf("%snothing was read yet\n", label(s, "hit ratio"));
        return;
    }
    printf("%s%s%.2f %%%s   %s of %s reads\n", label(s, "hit ratio"), s->terminal.bold,
           100 * share(number(s, "get_hits"), reads(s)), s->terminal.plain, human_count(number(s, "get_hits"), hits),
           human_count(reads(s), all));
}

static void print_bar(const struct status *s, double filled) {
    enum { WIDTH = 30 };
    int cells = (int)(filled * WIDTH + 0.5);

    printf("%s", terminal_load_colour(&s->terminal, filled));
    for (int i = 0; i < WIDTH; i++) {
        fputs(i < cells ? (s->terminal.utf8 ? "█" : "#") : (s->terminal.utf8 ? "░" : "."), stdout);
    }
    printf("%s", s->terminal.plain);
}

static void print_memory(const struct status *s) {
    uint64_t used = number(s, "bytes");
    uint64_t limit = number(s, "limit_maxbytes");
    double filled = share(used, limit);
    char used_text[HUMAN_TEXT_MAX];
    char limit_text[HUMAN_TEXT_MAX];

    printf("%s", label(s, "memory"));
    print_bar(s, filled > 1 ? 1 : filled);
    printf("  %.0f %%   %s of %s\n", 100 * filled, human_bytes(used, used_text), human_bytes(limit, limit_text));
}

static void print_items(const struct status *s) {
    char now[HUMAN_TEXT_MAX];
    char evicted[HUMAN_TEXT_MAX];
    char stored[HUMAN_TEXT_MAX];

    printf("%s%s now, %s stored since the start\n", label(s, "items"), human_count(number(s, "curr_items"), now),
           human_count(number(s, "total_items"), stored));
    printf("%s%s%s%s for want of memory\n", label(s, "evictions"), number(s, "evictions") > 0 ? s->terminal.yellow : "",
           human_count(number(s, "evictions"), evicted), number(s, "evictions") > 0 ? s->terminal.plain : "");
}

static bool has_store(const struct status *s) {
    return stat_list_find(&s->list, "store_revision") != NULL;
}

static void print_commits(const struct status *s) {
    uint64_t commits = number(s, "store_commits");
    uint64_t pending = number(s, "store_pending_writes");
    char commits_text[HUMAN_TEXT_MAX];
    char pending_text[HUMAN_TEXT_MAX];

    printf("%s%s, ", label(s, "commits"), human_count(commits, commits_text));
    if (commits > 0) {
        printf("%.1f writes and %.2f ms each, ", share(number(s, "store_commit_operations"), commits),
               share(number(s, "store_sync_us"), commits) / 1000);
    }
    printf("%s waiting\n", human_count(pending, pending_text));
}

static void print_store(const struct status *s) {
    uint64_t used = number(s, "store_bytes");
    uint64_t quota = number(s, "store_quota_bytes");
    double filled = share(used, quota);
    char first[HUMAN_TEXT_MAX];
    char second[HUMAN_TEXT_MAX];

    printf("%s", label(s, "store"));
    print_bar(s, filled > 1 ? 1 : filled);
    printf("  %.0f %%   %s of %s", 100 * filled, human_bytes(used, first), human_bytes(quota, second));
    if (number(s, "store_full") != 0) {
        printf("   %sfull: it takes no writes%s", s->terminal.red, s->terminal.plain);
    }
    printf("\n%s%s at revision %s", label(s, "keys"), human_count(number(s, "store_keys"), first),
           human_count(number(s, "store_revision"), second));
    printf("; %s watches, ", human_count(number(s, "store_watchers"), first));
    printf("%s leases\n", human_count(number(s, "store_leases"), first));
    print_commits(s);
}

static void print_connections(const struct status *s) {
    uint64_t now = number(s, "curr_connections");
    uint64_t limit = number(s, "max_connections");
    uint64_t rejected = number(s, "rejected_connections");
    char now_text[HUMAN_TEXT_MAX];
    char limit_text[HUMAN_TEXT_MAX];
    char total[HUMAN_TEXT_MAX];

    printf("%s%s%s%s now, of at most %s; %s since the start", label(s, "connections"),
           terminal_load_colour(&s->terminal, share(now, limit)), human_count(now, now_text), s->terminal.plain,
           human_count(limit, limit_text), human_count(number(s, "total_connections"), total));
    if (rejected > 0) {
        printf(", %s%s rejected%s", s->terminal.red, human_count(rejected, total), s->terminal.plain);
    }
    putchar('\n');
}

static void print_traffic(const struct status *s) {
    char gets[HUMAN_TEXT_MAX];
    char sets[HUMAN_TEXT_MAX];
    char in[HUMAN_TEXT_MAX];
    char out[HUMAN_TEXT_MAX];

    printf("%s%s reads, %s writes; %s in, %s out\n", label(s, "traffic"), human_count(reads(s), gets),
           human_count(number(s, "cmd_set"), sets), human_bytes(number(s, "bytes_read"), in),
           human_bytes(number(s, "bytes_written"), out));
}

static void print_screen(const struct status *s) {
    print_head(s);
    print_hits(s);
    print_memory(s);
    print_items(s);
    if (s->is_cluster) {
        cluster_seen_print(&s->terminal, &s->cluster);
    } else if (has_store(s)) {
        print_store(s);
    }
    print_connections(s);
    print_traffic(s);
}

static void set_number(json_t *object, const char *name, uint64_t value) {
    json_set(object, name, json_integer((json_int_t)value));
}

static json_t *store_json(const struct status *s) {
    json_t *store;

    if (s->is_cluster || !has_store(s)) {
        return json_null();
    }
    store = json_object();
    set_number(store, "revision", number(s, "store_revision"));
    set_number(store, "compacted_revision", number(s, "store_compacted_revision"));
    set_number(store, "compactions", number(s, "store_compactions"));
    set_number(store, "keys", number(s, "store_keys"));
    set_number(store, "bytes", number(s, "store_bytes"));
    set_number(store, "quota_bytes", number(s, "store_quota_bytes"));
    set_number(store, "file_bytes", number(s, "store_file_bytes"));
    json_set(store, "full", json_boolean(number(s, "store_full") != 0));
    set_number(store, "commits", number(s, "store_commits"));
    set_number(store, "commit_operations", number(s, "store_commit_operations"));
    set_number(store, "syncs", number(s, "store_syncs"));
    set_number(store, "sync_microseconds", number(s, "store_sync_us"));
    set_number(store, "watchers", number(s, "store_watchers"));
    set_number(store, "leases", number(s, "store_leases"));
    set_number(store, "pending_writes", number(s, "store_pending_writes"));
    return store;
}

static void print_json(const struct status *s) {
    json_t *object = json_object();

    json_set_bytes(object, "server", slice_from_string(s->ask->server));
    json_set_bytes(object, "version", slice_from_string(version(s)));
    set_number(object, "uptime_seconds", number(s, "uptime"));
    set_number(object, "pid", number(s, "pid"));
    set_number(object, "threads", number(s, "threads"));
    json_set(object, "hit_ratio", reads(s) == 0 ? json_null() : json_real(share(number(s, "get_hits"), reads(s))));
    set_number(object, "hits", number(s, "get_hits"));
    set_number(object, "misses", number(s, "get_misses"));
    set_number(object, "writes", number(s, "cmd_set"));
    set_number(object, "memory_bytes", number(s, "bytes"));
    set_number(object, "memory_limit_bytes", number(s, "limit_maxbytes"));
    set_number(object, "items", number(s, "curr_items"));
    set_number(object, "items_stored", number(s, "total_items"));
    set_number(object, "evictions", number(s, "evictions"));
    set_number(object, "connections", number(s, "curr_connections"));
    set_number(object, "connections_limit", number(s, "max_connections"));
    set_number(object, "connections_accepted", number(s, "total_connections"));
    set_number(object, "connections_rejected", number(s, "rejected_connections"));
    set_number(object, "bytes_received", number(s, "bytes_read"));
    set_number(object, "bytes_sent", number(s, "bytes_written"));
    json_set(object, "store", store_json(s));
    json_set(object, "cluster", s->is_cluster ? cluster_seen_json(&s->cluster) : json_null());
    json_print_line(object);
}

static int fetch(struct status *s) {
    int code = stat_list_fetch(&s->list, s->ask, slice_make(NULL, 0));

    if (code == EXIT_CODE_OK && cluster_seen_is_there(&s->list)) {
        s->is_cluster = true;
        code = cluster_seen_fetch(&s->cluster, s->ask);
    }
    return code;
}

int status_node(const struct ask *ask) {
    struct status *s = calloc(1, sizeof(*s));
    int code;

    if (s == NULL) {
        fprintf(stderr, "%s: out of memory\n", ask->program);
        return EXIT_CODE_FAILURE;
    }
    s->ask = ask;
    s->terminal = terminal_detect();
    code = fetch(s);
    if (code == EXIT_CODE_OK && ask->json) {
        print_json(s);
    } else if (code == EXIT_CODE_OK) {
        print_screen(s);
    }
    stat_list_fini(&s->list);
    free(s);
    return code;
}
