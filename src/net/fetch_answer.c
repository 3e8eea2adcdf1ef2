/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/curl_error.h"
#include "net/fetch_internal.h"
#include "net/system_error.h"

enum { STATUS_NO_CONTENT = 204, STATUS_NOT_MODIFIED = 304 };

/* --- what comes --- */

static bool is_over(const struct fetch *f) {
    return f->ended || f->dropped || f->error != LARDER_OK;
}

static void tell_head(struct fetch *f) {
    struct fetch_field fields[FETCH_ANSWER_FIELDS_MAX];
    struct fetch_head head;
    bool has_body;

    fetch_lines_head(&f->lines, fields, &head);
    has_body = f->method == FETCH_GET && head.status != STATUS_NO_CONTENT && head.status != STATUS_NOT_MODIFIED;
    head.until_end = head.until_end && has_body;
    f->headed = true;
    f->ops->on_head(f->ctx, &head);
    if (has_body && head.has_length && head.length > f->body_max && !is_over(f)) {
        f->error = LARDER_ERROR_TOO_LARGE;
    }
}

/* Another number than the size of what came makes libcurl give up. */
static size_t on_line(char *data, size_t size, size_t count, void *ctx) {
    struct fetch *f = ctx;
    struct slice line = slice_make(data, size * count);
    bool whole = false;

    if (f->headed) { /* a trailer */
        return is_over(f) ? 0 : line.size;
    }
    if (!is_over(f)) {
        f->error = fetch_lines_add(&f->lines, line, &whole);
    }
    if (whole) {
        tell_head(f);
    }
    return is_over(f) ? 0 : line.size;
}

static size_t on_piece(char *data, size_t size, size_t count, void *ctx) {
    struct fetch *f = ctx;
    struct slice piece = slice_make(data, size * count);

    if (is_over(f)) {
        return 0;
    }
    if (f->paused) {
        f->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!f->headed) {
        f->error = LARDER_ERROR_PROTOCOL;
    } else if (piece.size > f->body_max - f->body_size) {
        f->error = LARDER_ERROR_TOO_LARGE;
    } else if (piece.size > 0) {
        f->body_size += piece.size;
        f->paused = f->ops->on_body(f->ctx, piece) == FETCH_PAUSE;
    }
    return is_over(f) ? 0 : piece.size;
}

/* --- connections --- */

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address) {
    struct fetch *f = ctx;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd < 0) {
        f->socket_error = errno;
        return CURL_SOCKET_BAD;
    }
    if (!fetch_connection_open(&f->fetcher->connections, f, fd)) {
        close(fd);
        f->socket_error = ENOMEM;
        return CURL_SOCKET_BAD;
    }
    f->opening = true;
    return fd;
}

/* It may outlive the fetch that it was opened for. */
static int on_close_socket(void *ctx, curl_socket_t fd) {
    struct fetcher *fetcher = ctx;

    fetcher->figures.connections_open -= fetch_connection_close(&fetcher->connections, fd);
    return close(fd);
}

/* The connection stands, whether new or kept, and the request goes out now. */
static int on_request(void *ctx, char *server, char *own, int server_port, int own_port) {
    const struct fetch_ends ends = {server, own, server_port, own_port};
    struct fetch *f = ctx;
    struct fetcher_figures *figures = &f->fetcher->figures;

    switch (fetch_connection_use(&f->fetcher->connections, f, &ends)) {
    case FETCH_USE_NEW:
        figures->connections_made++;
        figures->connections_open++;
        break;
    case FETCH_USE_KEPT:
        figures->connections_reused++;
        break;
    case FETCH_USE_SPOILT:
        f->spoilt = true;
        return CURL_PREREQFUNC_ABORT;
    }
    f->opening = false;
    f->asked = true;
    return CURL_PREREQFUNC_OK;
}

void fetch_answer_listen(struct fetch *f) {
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
    curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->why);
    curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, on_piece);
    curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(f->easy, CURLOPT_PREREQDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(f->easy, CURLOPT_CLOSESOCKETDATA, f->fetcher);
}

/* --- how it ends --- */

/* A family that the system does not have is no reason of its own: the other one may have been tried. */
static enum larder_error connect_error(const struct fetch *f) {
    enum larder_error error = system_error(f->socket_error);
    long number = 0;

    if (error == LARDER_ERROR_LIMIT || error == LARDER_ERROR_NO_MEMORY) {
        return error;
    }
    curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &number);
    return number == ECONNREFUSED ? LARDER_ERROR_REFUSED : LARDER_ERROR_UNREACHABLE;
}

/* The connection has ended too soon. */
static enum larder_error ending_error(const struct fetch *f) {
    return f->lines.taken > 0 ? LARDER_ERROR_TRUNCATED : LARDER_ERROR_CLOSED;
}

/* A line that is longer than libcurl's ceiling, 100 KiB, is "out of memory" before libcurl 8.6. */
static enum larder_error memory_error(const struct fetch *f) {
    return f->asked && !f->headed ? LARDER_ERROR_LIMIT : LARDER_ERROR_NO_MEMORY;
}

/* It has no number of its own for chunks that are none. */
static enum larder_error receive_error(const struct fetch *f) {
    return strstr(f->why, "chunk") != NULL ? LARDER_ERROR_PROTOCOL : ending_error(f);
}

enum larder_error fetch_answer_error(const struct fetch *f, CURLcode code) {
    if (f->error != LARDER_OK) {
        return f->error;
    }
    switch (code) {
    case CURLE_OK: /* also when it ended within the head */
        return f->headed ? LARDER_OK : ending_error(f);
    case CURLE_COULDNT_CONNECT:
        return connect_error(f);
    case CURLE_OPERATION_TIMEDOUT: /* of connecting; the deadline is ours */
        return LARDER_ERROR_UNREACHABLE;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return ending_error(f);
    case CURLE_RECV_ERROR:
        return receive_error(f);
    case CURLE_OUT_OF_MEMORY:
        return memory_error(f);
    default:
        return curl_error(code);
    }
}
