/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_FETCH_INTERNAL_H
#define LARDER_NET_FETCH_INTERNAL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "net/fetch.h"
#include "net/fetch_connection.h"
#include "net/fetch_head.h"

/* libcurl may not be called from its own callbacks, and must not be asked to queue: its time limit for connecting would go
 * on in its queue. So fetches wait in a line of their host's here, and what a callback wants is done when libcurl has
 * returned:
 *
 *   fetch.c        what users call
 *   fetch_turn.c   who runs, who ends, and what was put off
 *   fetch_easy.c   one transfer: what is asked
 *   fetch_answer.c what comes of it, and what its errors mean
 *   fetch_multi.c  libcurl's sockets and its timer on the loop
 *   fetch_connection.c  which socket is which
 *   fetch_head.c, fetch_url.c  bytes
 */

struct timer;

TAILQ_HEAD(fetch_list, fetch);
TAILQ_HEAD(fetch_hosts, fetch_host);

/* A scheme, name and port, as long as there are fetches for it. */
struct fetch_host {
    TAILQ_ENTRY(fetch_host) link;
    struct fetch_list line; /* who waits for a connection */
    unsigned running;
    unsigned fetches;
    size_t size;   /* of the origin, without what is behind it */
    char origin[]; /* "https://name:port/", NUL-terminated */
};

struct fetch {
    struct fetcher *fetcher;
    struct fetch_host *host;
    TAILQ_ENTRY(fetch) place; /* in its host's line, or among the running */
    TAILQ_ENTRY(fetch) due;
    CURL *easy;
    struct curl_slist *fields;
    struct timer *deadline;
    const struct fetch_ops *ops;
    void *ctx;
    uint64_t body_max;
    uint64_t body_size; /* handed on */
    enum fetch_method method;
    enum larder_error error; /* our reason to end it; OK: there is none */
    int socket_error;        /* errno, when no socket could be opened */
    bool running;            /* libcurl has it */
    bool is_due;
    bool spoilt;  /* it was to go out on a connection of no use: it is to run again */
    bool opening; /* since the last request, a socket was opened */
    bool stuck;   /* an attempt to connect has ended: due */
    bool asked;   /* a request went out */
    bool headed;  /* on_head was called */
    bool paused;  /* the owner wants no more */
    bool held;    /* and libcurl knows it */
    bool resumed; /* the owner wants more: due */
    bool dropped; /* cancelled: due, or about to be freed */
    bool ended;   /* on_done is being called, or was */
    struct fetch_lines lines;
    char why[CURL_ERROR_SIZE];
};

struct fetcher {
    struct loop *loop;
    struct fetcher_config config;
    char *ca_file;
    CURLM *multi;           /* NULL: no connection is open */
    struct timer *turn;     /* something was put off */
    struct timer *progress; /* libcurl's */
    struct timer *idle;     /* runs while no fetch does */
    struct fetch_hosts hosts;
    struct fetch_list running;
    struct fetch_list due;
    struct fetch_connections connections;
    struct fetcher_figures figures;
    bool in_doubt; /* the last connection that was to be made could not be: the name may have moved */
    unsigned running_count;
    bool in_curl; /* and so maybe in a callback of it */
    unsigned telling;
    bool ending;
};

/* --- fetch_turn.c --- */

/* What is to be done for it is done in a turn of the loop. */
void fetch_put_off(struct fetch *fetch);

/* Has a turn come. */
void fetcher_kick(struct fetcher *fetcher);

/* Takes what libcurl has ended, does what was put off, lets those who wait run. */
void fetcher_turn(struct fetcher *fetcher);

/* Takes it out of everything, says so to its owner unless he has dropped it, frees it. Not in a callback of libcurl. */
void fetch_finish(struct fetch *fetch, enum larder_error error);

/* libcurl is of no use any more: ends what runs, with NO_MEMORY, and lets go of all connections. */
void fetcher_break(struct fetcher *fetcher);

/* --- fetch_easy.c --- */

/* Makes `easy` and `fields`. Errors: NO_MEMORY; what is made is freed by fetch_easy_free. */
enum larder_error fetch_easy_make(struct fetch *fetch, const struct fetch_request *request, struct slice target);
void fetch_easy_free(struct fetch *fetch);

/* Whose transfer it is; NULL: one of libcurl's own. */
struct fetch *fetch_of_easy(CURL *easy);

/* --- fetch_answer.c --- */

/* Has `easy` tell what happens to it. */
void fetch_answer_listen(struct fetch *fetch);

/* What libcurl's result of a transfer means. */
enum larder_error fetch_answer_error(const struct fetch *fetch, CURLcode code);

/* --- fetch_multi.c --- */

/* Errors: NO_MEMORY. Nothing is done if there is one. */
enum larder_error fetcher_multi_open(struct fetcher *fetcher);

/* Closes all connections; no fetch runs. */
void fetcher_multi_close(struct fetcher *fetcher);

/* libcurl's timer has run out. */
void fetcher_multi_progress(void *fetcher);

#endif
