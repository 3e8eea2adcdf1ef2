/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http/transfer.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/observe/traced_http.h"
#include "net/curl_error.h"

enum {
    POLL_MS_MAX = 1000,
    /* A server that vanished without a word is noticed after about half a minute. */
    KEEPALIVE_IDLE_S = 15,
    KEEPALIVE_INTERVAL_S = 5,
};

struct transfer {
    CURLM *multi;
    CURL *easy;
    struct address server;
    char url[ADDRESS_TEXT_MAX + 16];
    int64_t timeout_ns;

    /* Of the request under way: */
    struct larder_span *span; /* NULL: it is not traced */
    struct buf target;        /* NUL-terminated */
    struct buf body;
    struct transfer_answer answer;
    enum larder_error body_error;
    transfer_piece_fn *on_piece; /* NULL: the body is kept */
    void *ctx;
    bool ended; /* on_piece has had enough */
    int64_t silence_ns;
    int64_t deadline_ns; /* until when something has to come */
    void (*waits)(void *ctx);
    void *waits_ctx;
};

static void set_long(CURL *easy, CURLoption option, long value) {
    CURLcode code = curl_easy_setopt(easy, option, value);

    assert(code == CURLE_OK);
    (void)code;
}

/* Copies of strings may fail. */
static bool set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value) == CURLE_OK;
}

/* The value of "Name: value\r\n" if that is its name. */
static bool is_field(struct slice line, struct slice name, struct slice *ret_value) {
    if (line.size <= name.size || line.data[name.size] != ':' || strncasecmp(line.data, name.data, name.size) != 0) {
        return false;
    }
    *ret_value = slice_skip(line, name.size + 1);
    while (ret_value->size > 0 && ret_value->data[0] == ' ') {
        *ret_value = slice_skip(*ret_value, 1);
    }
    while (ret_value->size > 0 && ret_value->data[ret_value->size - 1] <= ' ') {
        ret_value->size--;
    }
    return true;
}

static struct slice unquote(struct slice text) {
    return text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"'
               ? slice_make(text.data + 1, text.size - 2)
               : text;
}

/* Something of a stream has come. */
static void extend(struct transfer *t) {
    t->deadline_ns = t->silence_ns == 0 ? INT64_MAX : clock_monotonic_ns() + t->silence_ns;
}

static size_t on_field(char *data, size_t size, size_t count, void *ctx) {
    struct transfer *t = ctx;
    struct slice line = slice_make(data, size * count);
    struct slice value;

    if (slice_has_prefix(line, SLICE("HTTP/"))) {
        t->answer = (struct transfer_answer){.status = 0};
    } else if (is_field(line, SLICE("X-Larder-Revision"), &value)) {
        t->answer.has_revision = number_parse_u64(value, &t->answer.revision);
    } else if (is_field(line, SLICE("ETag"), &value)) {
        t->answer.has_tag = number_parse_u64(unquote(value), &t->answer.tag);
    } else if (line.size <= 2) {
        long status = 0;

        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        t->answer.status = (unsigned)status;
        if (status == 200 && t->on_piece != NULL) {
            extend(t);
        }
    }
    return line.size;
}

/* Anything but the size of the piece makes libcurl give up. */
static size_t on_body(char *data, size_t size, size_t count, void *ctx) {
    struct transfer *t = ctx;
    struct slice piece = slice_make(data, size * count);

    if (t->on_piece != NULL && t->answer.status == 200) {
        extend(t);
        t->ended = !t->on_piece(t->ctx, piece);
        return t->ended ? 0 : piece.size;
    }
    t->body_error = buf_append_slice(&t->body, piece);
    return t->body_error == LARDER_OK ? piece.size : 0;
}

static bool set_server(struct transfer *t, const struct address *server) {
    char text[ADDRESS_TEXT_MAX];

    if (server->kind == ADDRESS_UNIX) {
        snprintf(t->url, sizeof(t->url), "http://localhost/");
        return set_text(t->easy, CURLOPT_UNIX_SOCKET_PATH, server->host);
    }
    snprintf(t->url, sizeof(t->url), "http://%s/", address_format(server, text));
    return true;
}

/* libcurl ends the name at the first colon. */
static bool set_user(struct transfer *t, const char *user) {
    return user == NULL || set_text(t->easy, CURLOPT_USERPWD, user);
}

static bool set_up(struct transfer *t, const struct address *server, const char *user) {
    CURL *easy = t->easy;

    set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_long(easy, CURLOPT_NOSIGNAL, 1);
    set_long(easy, CURLOPT_TCP_KEEPALIVE, 1);
    set_long(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_long(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_field);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    /* A proxy of the environment is meant for the web, not for a node. */
    return set_server(t, server) && set_user(t, user) && set_text(easy, CURLOPT_URL, t->url) &&
           set_text(easy, CURLOPT_PROXY, "") && set_text(easy, CURLOPT_PROTOCOLS_STR, "http") &&
           set_text(easy, CURLOPT_USERAGENT, "larder/" LARDER_VERSION);
}

enum larder_error transfer_open(const struct address *server, const char *user, int64_t timeout_ns,
                                struct transfer **ret_transfer) {
    struct transfer *t = calloc(1, sizeof(*t));

    if (t == NULL || curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
        free(t);
        return LARDER_ERROR_NO_MEMORY;
    }
    t->server = *server;
    t->timeout_ns = timeout_ns;
    buf_init(&t->target, SIZE_MAX / 2);
    buf_init(&t->body, TRANSFER_BODY_MAX);
    t->multi = curl_multi_init();
    t->easy = curl_easy_init();
    if (t->multi == NULL || t->easy == NULL || !set_up(t, server, user)) {
        transfer_close(t);
        return LARDER_ERROR_NO_MEMORY;
    }
    *ret_transfer = t;
    return LARDER_OK;
}

void transfer_close(struct transfer *t) {
    if (t == NULL) {
        return;
    }
    curl_easy_cleanup(t->easy);
    curl_multi_cleanup(t->multi);
    curl_global_cleanup();
    buf_fini(&t->target);
    buf_fini(&t->body);
    free(t);
}

static bool add_field(struct curl_slist **fields, const char *text) {
    struct curl_slist *longer = curl_slist_append(*fields, text);

    if (longer == NULL) {
        return false;
    }
    *fields = longer;
    return true;
}

/* So that the node's spans become children of ours. */
static bool add_trace(struct curl_slist **fields, const struct larder_span *span) {
    char text[LARDER_TRACESTATE_MAX];
    char line[LARDER_TRACESTATE_MAX + sizeof("traceparent: ")];

    if (span == NULL) {
        return true;
    }
    snprintf(line, sizeof(line), "traceparent: %s", larder_span_traceparent(span, text));
    if (!add_field(fields, line)) {
        return false;
    }
    snprintf(line, sizeof(line), "tracestate: %s", larder_span_tracestate(span, text));
    return text[0] == '\0' || add_field(fields, line);
}

/* The fields that libcurl adds of itself to a body say nothing here; an empty one takes them out. */
static bool make_fields(const struct transfer *t, const struct transfer_request *request,
                        struct curl_slist **ret_fields) {
    *ret_fields = NULL;
    for (int i = 0; i < TRANSFER_FIELDS_MAX && request->fields[i][0] != '\0'; i++) {
        if (!add_field(ret_fields, request->fields[i])) {
            return false;
        }
    }
    return add_trace(ret_fields, t->span) &&
           (!request->has_body || (add_field(ret_fields, "Content-Type:") && add_field(ret_fields, "Expect:")));
}

static bool make_target(struct transfer *t, struct slice target) {
    t->target.size = 0;
    return buf_append_slice(&t->target, target) == LARDER_OK && buf_append(&t->target, "", 1) == LARDER_OK;
}

/* The target goes out as it is: a key is never normalised. */
static bool prepare(struct transfer *t, const struct transfer_request *request, struct curl_slist **ret_fields) {
    t->answer = (struct transfer_answer){.status = 0};
    t->body.size = 0;
    t->body_error = LARDER_OK;
    t->ended = false;
    t->silence_ns = request->silence_ns;
    t->waits = request->waits;
    t->waits_ctx = request->waits_ctx;
    curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
    if (request->has_body) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, request->body.size == 0 ? "" : request->body.data);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    }
    return make_fields(t, request, ret_fields) && make_target(t, request->target) &&
           curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, *ret_fields) == CURLE_OK &&
           set_text(t->easy, CURLOPT_REQUEST_TARGET, t->target.data) &&
           set_text(t->easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static enum larder_error error_of(const struct transfer *t, CURLcode code) {
    if (code != CURLE_WRITE_ERROR) {
        return curl_error(code);
    }
    return t->ended ? LARDER_OK : t->body_error == LARDER_OK ? LARDER_ERROR_PROTOCOL : t->body_error;
}

/* Whether the exchange has ended, and how. */
static bool take_end(const struct transfer *t, enum larder_error *ret_error) {
    int left;
    CURLMsg *message = curl_multi_info_read(t->multi, &left);

    if (message == NULL || message->msg != CURLMSG_DONE) {
        return false;
    }
    *ret_error = error_of(t, message->data.result);
    return true;
}

/* Waits for something to happen. True: `stop` has something to read, or nothing has happened until the deadline. */
static bool wait_or_stop(const struct transfer *t, struct curl_waitfd *stop, enum larder_error *ret_error) {
    int64_t left_ms = (t->deadline_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS + 1;
    int happened;

    if (left_ms <= 0) {
        *ret_error = LARDER_ERROR_TIMEOUT;
        return true;
    }
    if (t->waits != NULL) {
        t->waits(t->waits_ctx);
    }
    stop->revents = 0;
    curl_multi_poll(t->multi, stop->fd < 0 ? NULL : stop, stop->fd >= 0,
                    left_ms < POLL_MS_MAX ? (int)left_ms : POLL_MS_MAX, &happened);
    *ret_error = LARDER_OK;
    return stop->revents != 0;
}

static enum larder_error perform(struct transfer *t, int stop_fd) {
    struct curl_waitfd stop = {.fd = stop_fd, .events = CURL_WAIT_POLLIN};
    enum larder_error error = LARDER_ERROR_IO;
    int running;

    t->deadline_ns = clock_monotonic_ns() + t->timeout_ns;
    while (curl_multi_perform(t->multi, &running) == CURLM_OK && !take_end(t, &error) &&
           !wait_or_stop(t, &stop, &error)) {
        error = LARDER_ERROR_IO;
    }
    return error;
}

enum larder_error transfer_stream(struct transfer *t, const struct transfer_request *request, int stop_fd,
                                  transfer_piece_fn *on_piece, void *ctx, struct transfer_answer *ret_answer) {
    struct curl_slist *fields;
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    t->on_piece = on_piece;
    t->ctx = ctx;
    t->span = traced_http_begin(&t->server, request->method, slice_make(t->url, strlen(t->url) - 1), request->target);
    if (prepare(t, request, &fields) && curl_multi_add_handle(t->multi, t->easy) == CURLM_OK) {
        error = perform(t, stop_fd);
        curl_multi_remove_handle(t->multi, t->easy);
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(fields);
    *ret_answer = t->answer;
    ret_answer->body = buf_slice(&t->body);
    traced_http_end(t->span, error, t->answer.status);
    return error;
}

enum larder_error transfer_ask(struct transfer *t, const struct transfer_request *request,
                               struct transfer_answer *ret_answer) {
    return transfer_stream(t, request, -1, NULL, NULL, ret_answer);
}
