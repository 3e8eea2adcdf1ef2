/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static bool sum_schedstat(uint64_t pid, uint64_t *ret_ns) {
    char path[300];
    struct dirent *entry;
    uint64_t sum = 0;
    bool any = false;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task", pid);
    tasks = opendir(path);
    if (tasks == NULL) {
        return false;
    }
    while ((entry = readdir(tasks)) != NULL) {
        uint64_t ns;
        FILE *file;

        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task/%.20s/schedstat", pid, entry->d_name);
        file = fopen(path, "re");
        if (file == NULL) {
            continue; /* the thread has just ended, or this kernel has no such file */
        }
        if (fscanf(file, "%" SCNu64, &ns) == 1) {
            sum += ns;
            any = true;
        }
        fclose(file);
    }
    closedir(tasks);
    *ret_ns = sum;
    return any;
}

static bool read_ticks(uint64_t pid, uint64_t *ret_ns) {
    char path[64];
    char line[1024];
    uint64_t user, system;
    const char *after_name;
    FILE *file;
    bool read;

    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    read = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    /* The name may hold spaces and brackets; the last bracket ends it. */
    after_name = read ? strrchr(line, ')') : NULL;
    if (after_name == NULL ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user, &system) !=
            2) {
        return false;
    }
    *ret_ns = (user + system) * (uint64_t)(CLOCK_NS_PER_S / sysconf(_SC_CLK_TCK));
    return true;
}

enum larder_error process_cpu_ns(uint64_t pid, uint64_t *ret_ns) {
    uint64_t ns;

    if (!sum_schedstat(pid, &ns) && !read_ticks(pid, &ns)) {
        return LARDER_ERROR_NOT_FOUND;
    }
    *ret_ns = ns;
    return LARDER_OK;
}

/* The kernel sums this one over the pages; statm, the cheaper count, may lag by some pages per thread. */
static bool read_rollup(uint64_t pid, uint64_t *ret_bytes) {
    char path[64];
    char line[256];
    uint64_t kib;
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/smaps_rollup", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        found = sscanf(line, "Rss: %" SCNu64, &kib) == 1;
    }
    fclose(file);
    if (found) {
        *ret_bytes = kib * 1024;
    }
    return found;
}

static bool read_statm(uint64_t pid, uint64_t *ret_bytes) {
    char path[64];
    uint64_t pages;
    FILE *file;
    bool read;

    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/statm", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    read = fscanf(file, "%*u %" SCNu64, &pages) == 1;
    fclose(file);
    if (read) {
        *ret_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    return read;
}

enum larder_error process_resident(uint64_t pid, uint64_t *ret_bytes) {
    return read_rollup(pid, ret_bytes) || read_statm(pid, ret_bytes) ? LARDER_OK : LARDER_ERROR_NOT_FOUND;
}

enum larder_error process_memory(uint64_t pid, struct process_memory *ret_memory) {
    char path[64];
    char line[256];
    uint64_t kib;
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/smaps_rollup", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return LARDER_ERROR_NOT_FOUND;
    }
    *ret_memory = (struct process_memory){.resident = 0};
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Rss: %" SCNu64, &kib) == 1) {
            ret_memory->resident = kib * 1024;
            found = true;
        } else if (sscanf(line, "Anonymous: %" SCNu64, &kib) == 1) {
            ret_memory->anonymous = kib * 1024;
        }
    }
    fclose(file);
    ret_memory->file = ret_memory->resident - ret_memory->anonymous;
    return found ? LARDER_OK : LARDER_ERROR_NOT_FOUND;
}
