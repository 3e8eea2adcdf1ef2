/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_OPTIONS_H
#define LARDER_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/slice.h"
#include "daemon/diagnostics.h"
#include "group/policy.h"
#include "net/address.h"

enum { OPTIONS_LISTENS_MAX = 64 };

/* options.def as enumerations. */
enum option {
#define OPTION(id, name, kind, section, field, fallback, least, most, argument, help) OPTION_##id,
#include "daemon/options.def"
    OPTION_COUNT
};

enum group_option {
#define GROUP_OPTION(id, name, argument, fallback, help) GROUP_OPTION_##id,
#include "daemon/options.def"
    GROUP_OPTION_COUNT
};

enum option_kind {
    OPTION_KIND_ADDRESSES,
    OPTION_KIND_TEXT,
    OPTION_KIND_COUNT,
    OPTION_KIND_SIZE,
    OPTION_KIND_DURATION,
    OPTION_KIND_YES_NO,
    OPTION_KIND_LEVEL,
    OPTION_KIND_FORMAT,
    OPTION_KIND_SWITCH,
};

/* Who said it. A later one wins. */
enum option_source { OPTION_SOURCE_DEFAULT, OPTION_SOURCE_FILE, OPTION_SOURCE_ENVIRONMENT, OPTION_SOURCE_FLAG };

struct option_info {
    const char *name;
    enum option_kind kind;
    const char *section;
    size_t offset; /* of the field in struct options */
    const char *fallback;
    uint64_t least;
    uint64_t most;
    const char *argument;
    const char *help;
};

struct group_option_info {
    const char *name;
    const char *argument;
    const char *fallback;
    const char *help;
};

extern const struct option_info option_infos[OPTION_COUNT];
extern const struct group_option_info group_option_infos[GROUP_OPTION_COUNT];

struct option_listens {
    struct address items[OPTIONS_LISTENS_MAX];
    size_t count;
};

/* Everything an operator can say, in one place. The texts are owned; NULL when not given. */
struct options {
    struct option_listens listens; /* sources[OPTION_LISTEN] tells the defaults from what was asked for */
    char *port_file;
    uint64_t threads; /* at least 1 after options_load */
    uint64_t max_conns;
    uint64_t idle_timeout_ns; /* 0: never */
    uint64_t value_timeout_ns;
    uint64_t max_line;
    uint64_t max_output;
    char *http_hosts;            /* NULL: none */
    char *name;                  /* NULL: the host's */
    char *advertise_client_urls; /* NULL: those of the listeners */
    uint64_t drain_timeout_ns;
    uint64_t memory;
    uint64_t max_item; /* at most memory / 8 after options_load */
    uint64_t hot_rate; /* 0: nothing is counted */
    char *store;       /* "local", or the members of a cluster */
    char *data_dir;    /* NULL: there is no store here; see data_dir_find */
    uint64_t store_quota;
    uint64_t store_history; /* revisions; 0: all */
    bool store_sync;
    uint64_t max_watchers;
    uint64_t watch_progress_ns;
    uint64_t max_pending_writes;
    char *store_user; /* of a cluster; NULL: none, here and below */
    char *store_password_file;
    char *store_ca;
    char *store_cert;
    char *store_key;
    char *store_server_name;
    uint64_t store_timeout_ns;
    uint64_t store_attempt_timeout_ns;
    uint64_t store_max_connection_age_ns; /* 0: never replaced */
    bool store_follow_members;
    char *store_watch; /* "auto", "all" or "groups" */
    bool store_progress;
    uint64_t near_memory;
    uint64_t mirror_memory;
    uint64_t watch_memory;
    uint64_t audit_pause_ns; /* 0: it is never compared in the background */
    char *cluster;           /* NULL: this node is alone */
    char *advertise;         /* NULL: what it listens on */
    char *node_id;           /* NULL: `advertise` */
    char *cluster_token_file;
    uint64_t lease_ns; /* whole seconds */
    uint64_t handoff_ns;
    char *on_isolation; /* "refuse" or "serve" */
    uint64_t peer_timeout_ns;
    uint64_t copy_lease_ns; /* 0: no copies */
    uint64_t copy_memory;
    char *config;
    enum log_level log_level;
    enum log_format log_format;
    bool check_config;
    bool version;
    bool help;
    enum option_source sources[OPTION_COUNT];
    unsigned lines[OPTION_COUNT]; /* of the configuration file, where the source is FILE */

    /* groups[0] is "default"; the others in the order of the file. max_item is resolved by options_load. */
    struct group_policy groups[GROUP_MAX];
    unsigned group_lines[GROUP_MAX]; /* of the section; 0: "default" without a section */
    size_t group_count;
};

/* All defaults. End it with options_fini. */
void options_init(struct options *o);
void options_fini(struct options *o);

/* Reads flags, environment (NAME=value strings, ended by NULL) and the configuration file they name into `o`, as after
 * options_init, and checks how it all fits together. Adds to `d` everything that is wrong; true when nothing is. With
 * --help or --version among the flags it reads nothing else. To reload, load anew into other options. */
bool options_load(struct options *o, int argc, char *const *argv, char *const *environment, struct diagnostics *d);

/* Sets one option from its text, unless a stronger source has. A list grows when the same source speaks again; anything
 * else may be said once by a source and file. False when `text` is wrong (said in `d`); `o` is then as before. */
bool options_set(struct options *o, enum option option, struct slice text, enum option_source source,
                 struct place place, struct diagnostics *d);

/* The option of that name, in which '_' may stand for '-'; OPTION_COUNT when there is none. */
enum option option_find(struct slice name);

/* The same among the options of groups; GROUP_OPTION_COUNT when there is none. */
enum group_option group_option_find(struct slice name);

/* Adds a mistake about a name that is none, with the name that was probably meant. */
void option_unknown(struct diagnostics *d, struct place place, const char *what, struct slice word,
                    const char *const *names, size_t count);

/* Whether a group is kept in the store. */
bool options_need_store(const struct options *o);

/* Whether the store is in an etcd cluster. */
bool options_store_is_remote(const struct options *o);

/* What must hold between options once all were read; fills in what depends on others. Part of options_load. */
void options_settle(struct options *o, struct diagnostics *d);

#endif
