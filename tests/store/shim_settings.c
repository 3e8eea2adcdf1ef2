/* SPDX-License-Identifier: Apache-2.0 */
#include "shim_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim_disk.h"

static struct {
    const char *directory;
    size_t directory_size;
    uint64_t crash_at;
    uint64_t kill_at;
    const char *hand_over;
    const char *skip;
    const char *no_space;
    const char *bad_sync;
    const char *bad_kinds;
    uint64_t bad_write;  /* counted down to 0 */
    uint64_t bad_repair; /* likewise, from then on */
    uint64_t calls;
} settings;

static uint64_t number_of(const char *name) {
    const char *text = getenv(name);

    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

__attribute__((constructor)) static void start(void) {
    settings.directory = getenv("STORE_SHIM_DIRECTORY");
    settings.directory_size = settings.directory == NULL ? 0 : strlen(settings.directory);
    settings.crash_at = number_of("STORE_SHIM_CRASH_AT");
    settings.kill_at = number_of("STORE_SHIM_KILL_AT");
    settings.hand_over = getenv("STORE_SHIM_HAND_OVER");
    settings.skip = getenv("STORE_SHIM_SKIP");
    settings.no_space = getenv("STORE_SHIM_NO_SPACE");
    settings.bad_sync = getenv("STORE_SHIM_BAD_SYNC");
    settings.bad_kinds = getenv("STORE_SHIM_BAD_KINDS");
    settings.bad_write = number_of("STORE_SHIM_BAD_WRITE");
    settings.bad_repair = number_of("STORE_SHIM_BAD_REPAIR");
    shim_seed(number_of("STORE_SHIM_SEED"));
    if (settings.hand_over != NULL) {
        shim_take_over(settings.hand_over);
    }
}

__attribute__((destructor)) static void end(void) {
    if (settings.hand_over != NULL) {
        shim_hand_over(settings.hand_over);
    }
}

static bool is_there(const char *path) {
    return path != NULL && syscall(SYS_access, path, F_OK) == 0;
}

/* Whether a list names a kind of calls, at least those to the file of that path. */
static bool names(const char *list, const char *kind, const char *path) {
    const char *name = strrchr(path, '/') + 1;
    size_t kind_size = strlen(kind);

    while (list != NULL && *list != '\0') {
        size_t size = strcspn(list, ",");

        if (size >= kind_size && strncmp(list, kind, kind_size) == 0 &&
            (size == kind_size || (list[kind_size] == ':' && strlen(name) == size - kind_size - 1 &&
                                   strncmp(list + kind_size + 1, name, strlen(name)) == 0))) {
            return true;
        }
        list += size + (list[size] == ',');
    }
    return false;
}

bool settings_lie(const char *kind, const char *path) {
    return names(settings.skip, kind, path);
}

bool settings_fail(const char *kind, const char *path) {
    return is_there(settings.bad_sync) && (settings.bad_kinds == NULL || names(settings.bad_kinds, kind, path));
}

/* Whether a write that syncs fails. */
bool settings_fail_write_that_syncs(const char *path) {
    return settings_fail("dsync", path) || (settings.bad_write > 0 && --settings.bad_write == 0);
}

/* Whether another write fails. */
int settings_error_of_write(void) {
    if (is_there(settings.no_space)) {
        return ENOSPC;
    }
    if (settings.bad_write == 0 && settings.bad_repair > 0) {
        settings.bad_repair--;
        return EIO;
    }
    return 0;
}

/* Whether it is this call at which the machine goes down, or the process. */
bool settings_is_last_call(void) {
    settings.calls++;
    return settings.calls == settings.crash_at || settings.calls == settings.kill_at;
}

void settings_go_down(void) {
    if (settings.calls == settings.kill_at) {
        end();
        _exit(SHIM_CRASHED);
    }
    if (settings.hand_over != NULL) {
        syscall(SYS_unlink, settings.hand_over);
    }
    shim_crash();
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text);

    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

bool settings_watch(const char *path) {
    return settings.directory != NULL && strncmp(path, settings.directory, settings.directory_size) == 0 &&
           (path[settings.directory_size] == '/' || path[settings.directory_size] == '\0') && !ends_with(path, ".lock") &&
           !ends_with(path, "-lock");
}
