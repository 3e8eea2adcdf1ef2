/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_FETCH_H
#define LARDER_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct loop;

/* A client of HTTP/1.1 (RFC 9110, RFC 9112) on a loop, by libcurl: GET and HEAD of http and https, on connections that are
 * kept. What the server says is passed on as it is: no redirect is followed, no content is decoded, there are no cookies and
 * no passwords, and nothing of the environment counts (no proxy). Everything happens on the loop's thread.
 *
 * A server that ends a kept connection at the moment it is used again has not answered, so libcurl asks anew, on another
 * kept connection or a new one, up to five times: GET and HEAD may be repeated (RFC 9110, 9.2.2). The deadline goes on. */
struct fetcher;

/* One exchange under way; it is the fetcher's. The pointer is valid until on_done has returned, fetch_cancel or fetcher_free. */
struct fetch;

struct fetcher_config {
    unsigned connections;          /* in all, at least 1; each has up to 2 * FETCH_PIECE_MAX of buffers while in use */
    unsigned connections_per_host; /* to one scheme, name and port, at least 1; who finds none free waits in line */
    unsigned fetches;              /* under way, those in line included, at least 1; one more fails with LIMIT */
    int64_t connect_timeout_ns;    /* from looking up the name to the end of TLS's handshake; > 0 */
    int64_t idle_ns;               /* a connection without use is given up then; > 0, rounded up to seconds */
    /* A connection is not used again when it is so old, and an address that was looked up is not: so that a name which has
     * moved is noticed in the time of both. > 0, rounded up to seconds. */
    int64_t life_ns;
    int64_t name_ns; /* while the last connection could not be made, FETCH_NAME_DOUBT_S at most */
    const char *
        ca_file; /* authorities of https, a PEM file, NUL-terminated; NULL: the system's. Copied. A file that has changed
                            counts after life_ns at the latest */
    /* Before on_done of a fetch that ends with an error: "https://name:port/", and fetch_why. It calls nothing of this header. NULL:
     * nobody is told. */
    void (*on_error)(void *ctx, const char *origin, enum larder_error error, const char *why);
    void *ctx;
};

/* NULL: out of memory. The caller owns it; config is copied. */
struct fetcher *fetcher_new(struct loop *loop, const struct fetcher_config *config);

/* Ends what is under way: each on_done comes now, with CLOSED; fetch_start fails in them. Closes all connections. It does
 * not wait for names that are being looked up: those threads end by themselves. Not from inside a callback of this header.
 * NULL is allowed. */
void fetcher_free(struct fetcher *fetcher);

/* What it was made with; as long as it is there. */
const struct fetcher_config *fetcher_made_with(const struct fetcher *fetcher);

/* For metrics. */
struct fetcher_figures {
    unsigned fetches;          /* under way, those in line included */
    unsigned waiting;          /* in line for a connection */
    unsigned connections_open; /* that stand, whether in use or kept */
    uint64_t connections_made;
    uint64_t connections_reused;
    uint64_t cancelled;
    uint64_t ended[LARDER_ERRORS]; /* by what on_done was told */
};

const struct fetcher_figures *fetcher_figures(const struct fetcher *fetcher);

enum {
    FETCH_URL_MAX = 64 << 10,          /* bytes of a URL */
    FETCH_REQUEST_FIELDS_MAX = 32,     /* fields of a request */
    FETCH_REQUEST_HEAD_MAX = 64 << 10, /* bytes of them, with 4 more for each */
    FETCH_ANSWER_FIELDS_MAX = 128,     /* fields of an answer */
    FETCH_ANSWER_HEAD_MAX = 64 << 10,  /* bytes of its head, interim answers (1xx) included */
    FETCH_PIECE_MAX = 64 << 10,        /* bytes of a piece of a body, and of what may be read ahead in a pause */
    FETCH_WHY_MAX = 256,
    FETCH_NAME_DOUBT_S = 1,
};

struct fetch_field {
    struct slice name;
    struct slice value;
};

enum fetch_method { FETCH_GET, FETCH_HEAD };

/* All is copied. */
struct fetch_request {
    enum fetch_method method;
    /* "http://name:port/target". The target goes out byte by byte as it is here: dots, double slashes, percent signs, query
     * and "#" stay, nothing is encoded or decoded. Without one it is "/", and "/" comes before one that begins with "?". */
    struct slice url;
    /* In that order, behind Host and User-Agent; one of these names replaces what would be sent. Those that say how the
     * message is framed or the connection is used are not the caller's (Host, Connection, Content-Length, ...). */
    const struct fetch_field *fields;
    size_t field_count;
    /* For all of it, waiting in line and pauses included; of the monotonic clock. INT64_MAX: none. */
    int64_t deadline_ns;
    uint64_t body_max; /* bytes of a body */
};

/* Slices are valid during on_head. */
struct fetch_head {
    unsigned status;                  /* 200..999 */
    const struct fetch_field *fields; /* in the order of the answer; values without white space around them */
    size_t field_count;
    bool has_length; /* there is a Content-Length; with HEAD and 304 it is not that of a body that comes */
    uint64_t length;
    /* Nothing says where the body ends but the end of the connection (RFC 9112, 6.3). By https libcurl does not say whether
     * the server meant that end, so somebody between may have cut it off: such a body should not be kept. */
    bool until_end;
};

enum fetch_flow { FETCH_GO_ON, FETCH_PAUSE };

/* None may be NULL. Each is called from the loop, never from inside fetch_start, fetch_resume or fetch_cancel, and may call any
 * of these. */
struct fetch_ops {
    /* The head of the final answer, once and before anything of the body. Interim answers are passed over. */
    void (*on_head)(void *ctx, const struct fetch_head *head);
    /* The next `piece`, 1..FETCH_PIECE_MAX bytes, valid during the call; it counts as taken. PAUSE: no more comes until
     * fetch_resume, and when a buffer's worth was read ahead, the connection is not read. */
    enum fetch_flow (*on_body)(void *ctx, struct slice piece);
    /* The end, exactly once unless fetch_cancel was called; also in a pause, if nothing of the body is left or with an
     * error. Trailers are dropped. Errors:
     * NOT_FOUND     the name could not be looked up, for whatever reason
     * REFUSED       nobody listens there
     * UNREACHABLE   no way there, or no connection within connect_timeout_ns
     * TIMEOUT       the deadline has come
     * CLOSED        the connection was ended before anything was answered; or fetcher_free
     * TRUNCATED     it was ended within the head or the body (shorter than Content-Length, chunks without their end)
     * TOO_LARGE     the body is larger than body_max, by Content-Length or in truth; what fits may have been handed on
     * LIMIT         the head is larger than FETCH_ANSWER_HEAD_MAX or has more than FETCH_ANSWER_FIELDS_MAX fields; or no
     *               descriptors are left
     * PROTOCOL      what came is not HTTP/1, or contradicts itself (two lengths, a length and chunks); or TLS failed
     * INVALID       ca_file cannot be used
     * NO_MEMORY, IO */
    void (*on_done)(void *ctx, enum larder_error error);
};

/* Begins. `ops` must outlive the fetch. Errors: INVALID (the URL: another scheme, no host, a name or password in it, white
 * space or control characters; a field: not a token, not the caller's, a control character), LIMIT (a ceiling of this header,
 * or fetcher_config.fetches), NO_MEMORY, CLOSED (in fetcher_free); then there is no fetch, and no callback comes. */
enum larder_error fetch_start(struct fetcher *fetcher, const struct fetch_request *request, const struct fetch_ops *ops,
                              void *ctx, struct fetch **ret_fetch);

/* Ends a pause. Nothing happens if there is none. */
void fetch_resume(struct fetch *fetch);

/* It has until then from now on, of the monotonic clock, whatever was said before. */
void fetch_renew(struct fetch *fetch, int64_t deadline_ns);

/* No callback comes any more, and the fetch is given up; the connection is closed if it was in use. */
void fetch_cancel(struct fetch *fetch);

/* In on_done: what libcurl has to say about the error, for logs; NUL-terminated, maybe empty. */
const char *fetch_why(const struct fetch *fetch);

#endif
