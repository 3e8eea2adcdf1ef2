/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/option_checks.h"

static const char usual_directory[] = "/var/lib/larder";

/* The first of the directories, which colons separate, that a service manager made for us; empty: none. */
static struct slice state_directory(char *const *environment) {
    static const struct slice variable = SLICE("STATE_DIRECTORY=");
    struct slice first = {"", 0};

    for (; *environment != NULL && first.size == 0; environment++) {
        struct slice text = slice_from_string(*environment);

        if (slice_has_prefix(text, variable)) {
            text = slice_skip(text, variable.size);
            first = slice_make(text.data, strcspn(text.data, ":"));
        }
    }
    return first;
}

void data_dir_find(struct options *o, char *const *environment, struct diagnostics *d) {
    struct slice directory = state_directory(environment);

    if (o->data_dir != NULL || options_store_is_remote(o) || (directory.size == 0 && !options_need_store(o))) {
        return;
    }
    if (directory.size == 0) {
        directory = slice_from_string(usual_directory);
    }
    o->data_dir = strndup(directory.data, directory.size);
    if (o->data_dir == NULL) {
        diagnostics_mistake(d, (struct place){.name = "data-dir"}, "out of memory");
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

void data_dir_check(const struct options *o, struct diagnostics *d) {
    struct stat status;
    char room[OPTION_PLACE_MAX];
    struct place place = option_place(o, OPTION_DATA_DIR, room);
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
