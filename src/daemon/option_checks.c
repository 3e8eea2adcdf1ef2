/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/option_value.h"
#include "daemon/options.h"

enum { MAX_ITEM_SHARE = 8 /* of memory: the largest entry must leave the rest of the table room */ };

/* Where an option got its value, for people; `room` holds what is not a file's name. */
static struct place place_of(const struct options *o, enum option option, char room[64]) {
    const char *name = option_infos[option].name;

    switch (o->sources[option]) {
    case OPTION_SOURCE_FILE:
        return (struct place){.name = o->config != NULL ? o->config : "config", .line = o->lines[option]};
    case OPTION_SOURCE_ENVIRONMENT:
        snprintf(room, 64, "%s (environment)", name);
        break;
    case OPTION_SOURCE_FLAG:
        snprintf(room, 64, "--%s", name);
        break;
    case OPTION_SOURCE_DEFAULT:
        snprintf(room, 64, "%s (default)", name);
        break;
    }
    return (struct place){.name = room};
}

static struct place group_place(const struct options *o, size_t group) {
    return (struct place){.name = o->config != NULL ? o->config : "config", .line = o->group_lines[group]};
}

static void settle_threads(struct options *o) {
    cpu_set_t cores;
    long count;

    if (o->threads > 0) {
        return;
    }
    count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : sysconf(_SC_NPROCESSORS_ONLN);
    o->threads = count < 1 ? 1 : (uint64_t)count;
    if (o->threads > option_infos[OPTION_THREADS].most) {
        o->threads = option_infos[OPTION_THREADS].most;
    }
}

static void settle_max_item(struct options *o, struct diagnostics *d) {
    uint64_t most = o->memory / MAX_ITEM_SHARE;
    char item[OPTION_TEXT_MAX];
    char memory[OPTION_TEXT_MAX];
    char limit[OPTION_TEXT_MAX];
    char room[64];

    if (o->max_item <= most) {
        return;
    }
    if (o->sources[OPTION_MAX_ITEM] == OPTION_SOURCE_DEFAULT) {
        o->max_item = most;
        return;
    }
    diagnostics_mistake(
        d, place_of(o, OPTION_MAX_ITEM, room), "max-item = %s is too large: with memory = %s it may be %s, an eighth",
        option_size_text(o->max_item, item), option_size_text(o->memory, memory), option_size_text(most, limit));
}

static void settle_group(struct options *o, size_t index, struct diagnostics *d) {
    struct group_policy *group = &o->groups[index];
    char group_text[OPTION_TEXT_MAX];
    char node_text[OPTION_TEXT_MAX];

    if (group->max_item == 0) {
        group->max_item = o->max_item;
    } else if (group->max_item > o->max_item) {
        diagnostics_mistake(d, group_place(o, index), "group \"%s\": max-item = %s is more than the node's, %s",
                            group->name, option_size_text(group->max_item, group_text),
                            option_size_text(o->max_item, node_text));
    }
    if (group->max_ttl > 0 && group->ttl > group->max_ttl) {
        diagnostics_mistake(d, group_place(o, index),
                            "group \"%s\": ttl = %" PRId64 "s is longer than max-ttl = %" PRId64 "s", group->name,
                            group->ttl, group->max_ttl);
    }
}

/* The directory above `path`, owned by the caller; NULL without memory. */
static char *parent_of(const char *path) {
    size_t size = strlen(path);

    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    while (size > 0 && path[size - 1] != '/') {
        size--;
    }
    return size == 0 ? strdup(".") : strndup(path, size);
}

static void check_data_dir(const struct options *o, struct diagnostics *d) {
    struct stat status;
    char room[64];
    struct place place = place_of(o, OPTION_DATA_DIR, room);
    int error;
    char *parent;

    if (o->data_dir == NULL) {
        return;
    }
    if (stat(o->data_dir, &status) == 0) {
        if (!S_ISDIR(status.st_mode)) {
            diagnostics_mistake(d, place, "data-dir = %s is not a directory", o->data_dir);
        } else if (access(o->data_dir, W_OK | X_OK) != 0) {
            diagnostics_mistake(d, place, "data-dir = %s: %s", o->data_dir, strerror(errno));
        }
        return;
    }
    error = errno;
    parent = parent_of(o->data_dir);
    if (error == ENOENT && parent != NULL && access(parent, W_OK | X_OK) != 0) {
        error = errno;
        diagnostics_mistake(d, place, "data-dir = %s cannot be made: %s: %s", o->data_dir, parent, strerror(error));
    } else if (error != ENOENT) {
        diagnostics_mistake(d, place, "data-dir = %s: %s", o->data_dir, strerror(error));
    }
    free(parent);
}

void options_settle(struct options *o, struct diagnostics *d) {
    settle_threads(o);
    settle_max_item(o, d);
    for (size_t i = 0; i < o->group_count; i++) {
        settle_group(o, i, d);
    }
    check_data_dir(o, d);
}
