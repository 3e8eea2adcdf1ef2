/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/listener_process.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"
#include "cli/bench/dial.h"

enum { LISTENING = 0x0a /* the kernel's TCP_LISTEN, as /proc/net/tcp writes it */, INODES_MAX = 64, PATH_ROOM = 300 };

struct inodes {
    uint64_t numbers[INODES_MAX];
    size_t count;
};

/* Only an address of this machine can be bound. */
static bool is_own_address(const struct endpoint *endpoint) {
    struct endpoint any_port = *endpoint;
    int fd = socket(endpoint->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool own;

    if (endpoint->storage.ss_family == AF_INET) {
        ((struct sockaddr_in *)&any_port.storage)->sin_port = 0;
    } else {
        ((struct sockaddr_in6 *)&any_port.storage)->sin6_port = 0;
    }
    own = fd >= 0 && bind(fd, (const struct sockaddr *)&any_port.storage, any_port.size) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return own;
}

/* Adds the sockets of a table, /proc/net/tcp or tcp6, that listen on the port. */
static void read_table(const char *path, unsigned port, struct inodes *inodes) {
    char line[512];
    FILE *file = fopen(path, "re");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL && inodes->count < INODES_MAX) {
        unsigned local_port, state;
        uint64_t inode;

        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %" SCNu64,
                   &local_port, &state, &inode) == 3 &&
            local_port == port && state == LISTENING && inode != 0) {
            inodes->numbers[inodes->count++] = inode;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static bool is_among(const struct inodes *inodes, const char *link) {
    uint64_t inode;

    if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1) {
        return false;
    }
    for (size_t i = 0; i < inodes->count; i++) {
        if (inodes->numbers[i] == inode) {
            return true;
        }
    }
    return false;
}

static bool holds_one(const char *pid, const struct inodes *inodes) {
    char path[PATH_ROOM], link[64];
    struct dirent *entry;
    bool found = false;
    DIR *descriptors;

    snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    descriptors = opendir(path);
    while (descriptors != NULL && !found && (entry = readdir(descriptors)) != NULL) {
        ssize_t size = readlinkat(dirfd(descriptors), entry->d_name, link, sizeof(link) - 1);

        link[size < 0 ? 0 : size] = '\0';
        found = is_among(inodes, link);
    }
    if (descriptors != NULL) {
        closedir(descriptors);
    }
    return found;
}

/* The one process that holds one of the sockets. */
static enum larder_error find_holder(const struct inodes *inodes, uint64_t *ret_pid) {
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    uint64_t pid, found = 0;
    size_t count = 0;

    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && number_parse_u64(slice_from_string(entry->d_name), &pid) &&
            holds_one(entry->d_name, inodes)) {
            found = pid;
            count++;
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
    if (count != 1) {
        return LARDER_ERROR_NOT_FOUND;
    }
    *ret_pid = found;
    return LARDER_OK;
}

/* Who listens on a Unix socket, the kernel says to whoever connects. */
static enum larder_error ask_peer(const struct endpoint *endpoint, uint64_t *ret_pid) {
    struct ucred peer = {.pid = 0};
    socklen_t size = sizeof(peer);
    int fd = dial(endpoint);
    bool told = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;

    if (fd >= 0) {
        close(fd);
    }
    if (!told) {
        return LARDER_ERROR_NOT_FOUND;
    }
    *ret_pid = (uint64_t)peer.pid;
    return LARDER_OK;
}

enum larder_error listener_process(const struct endpoint *endpoint, uint64_t *ret_pid) {
    struct inodes inodes = {.count = 0};
    unsigned port;

    switch (endpoint->storage.ss_family) {
    case AF_UNIX:
        return ask_peer(endpoint, ret_pid);
    case AF_INET:
        port = ntohs(((const struct sockaddr_in *)&endpoint->storage)->sin_port);
        break;
    case AF_INET6:
        port = ntohs(((const struct sockaddr_in6 *)&endpoint->storage)->sin6_port);
        break;
    default:
        return LARDER_ERROR_NOT_FOUND;
    }
    if (!is_own_address(endpoint)) {
        return LARDER_ERROR_NOT_FOUND;
    }
    read_table("/proc/net/tcp", port, &inodes);
    read_table("/proc/net/tcp6", port, &inodes);
    return inodes.count == 0 ? LARDER_ERROR_NOT_FOUND : find_holder(&inodes, ret_pid);
}
