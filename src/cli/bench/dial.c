/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "proto/memcached/response.h"

enum { PATIENCE_S = 5, ENDPOINTS_MAX = 8 };

int dial(const struct endpoint *endpoint) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(endpoint->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int number;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&endpoint->storage, endpoint->size) != 0) {
        number = errno == EINPROGRESS ? ETIMEDOUT : errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

bool dial_is_served(int fd) {
    static const char request[] = "version\r\n";
    char answer[256];
    size_t size = 0;
    size_t needed = 1;
    struct mc_response response;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1) {
        return false;
    }
    while (needed > size) {
        ssize_t got = needed > sizeof(answer) ? 0 : recv(fd, answer + size, sizeof(answer) - size, 0);

        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        if (mc_response_decode(slice_make(answer, size), sizeof(answer), &response, &needed) != LARDER_OK) {
            return false;
        }
    }
    return needed == size && response.kind == MC_RESPONSE_VERSION;
}

/* Any answer will do; nobody but a Larder knows this route. */
static bool is_served_http(int fd) {
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const char beginning[] = "HTTP/1.";
    char answer[sizeof(beginning) - 1];

    return send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1 &&
           recv(fd, answer, sizeof(answer), MSG_WAITALL) == (ssize_t)sizeof(answer) &&
           memcmp(answer, beginning, sizeof(answer)) == 0;
}

bool dial_choose(const struct address *address, bool http, struct endpoint *ret_endpoint) {
    struct endpoint endpoints[ENDPOINTS_MAX];
    char text[ADDRESS_TEXT_MAX];
    size_t count = 0;
    enum larder_error error = endpoint_resolve(address, endpoints, ENDPOINTS_MAX, &count);

    if (error != LARDER_OK) {
        fprintf(stderr, "larder bench: %s: %s\n", address_format(address, text), larder_error_text(error));
        return false;
    }
    errno = 0;
    for (size_t i = 0; i < count; i++) {
        int fd = dial(&endpoints[i]);
        bool served = fd >= 0 && (http ? is_served_http(fd) : dial_is_served(fd));

        if (fd >= 0) {
            close(fd);
        }
        if (served) {
            *ret_endpoint = endpoints[i];
            return true;
        }
        if (fd >= 0) {
            fprintf(stderr, "larder bench: %s does not answer as %s does\n", address_format(address, text),
                    http ? "a server of HTTP" : "a memcached");
            return false;
        }
    }
    fprintf(stderr, "larder bench: cannot connect to %s: %s\n", address_format(address, text), strerror(errno));
    return false;
}
