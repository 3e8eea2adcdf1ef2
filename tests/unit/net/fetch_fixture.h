/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_NET_FETCH_FIXTURE_H
#define LARDER_TESTS_UNIT_NET_FETCH_FIXTURE_H

#include "base/buf.h"
#include "net/fetch.h"
#include "toy_origin.h"

/* A fetcher and an origin on one loop. A test that hangs fails after a minute. */
struct fixture {
    struct loop *loop;
    struct fetcher *fetcher;
    struct toy_origin *origin;
    struct timer *patience;
    unsigned awaited; /* ends until the loop stops */
    unsigned dones;
};

/* What came of one fetch. */
struct got {
    struct fixture *fixture;
    struct fetch *fetch;
    unsigned heads;
    unsigned status;
    struct buf fields; /* "Name: value\n" for each */
    bool has_length;
    uint64_t length;
    bool until_end;
    struct buf body; /* its first bytes */
    uint64_t body_size;
    unsigned pieces;
    unsigned dones;
    enum larder_error error;
    char why[FETCH_WHY_MAX];
    /* For tests that want to do something then; they may be NULL. */
    void (*on_head)(struct got *got);
    enum fetch_flow (*on_piece)(struct got *got, struct slice piece);
    void (*on_done)(struct got *got);
    void *ctx;
};

enum { GOT_BODY_MAX = 1 << 20 };

/* An origin that answers so; a fetcher of generous limits. */
struct fixture *fixture_new(toy_answer_fn *answer);
struct fixture *fixture_new_with(toy_answer_fn *answer, const struct fetcher_config *config);
void fixture_free(struct fixture *f);

extern const struct fetcher_config generous;

/* A fetch of "http://127.0.0.1:PORT" and the target, within a minute and 64 MiB. */
void begin(struct fixture *f, struct got *got, const char *target);
void begin_request(struct fixture *f, struct got *got, const struct fetch_request *request);

/* Frees what it holds. */
void got_fini(struct got *got);

/* Runs the loop until so many fetches have ended since the last call. */
void await(struct fixture *f, unsigned dones);

/* Runs the loop until the condition holds; it is looked at in each turn. */
void await_that(struct fixture *f, bool (*holds)(void *ctx), void *ctx);

/* Runs the loop for so many turns. */
void run_turns(struct fixture *f, unsigned turns);

/* begin and await. */
void get(struct fixture *f, struct got *got, const char *target);

enum { DEAF_FILLERS = 8 };

/* A socket that listens, with nobody who accepts and no room for more: whoever connects to it hears nothing. */
struct deaf {
    int descriptor;
    int fillers[DEAF_FILLERS];
    uint16_t port;
};

/* Port 0: of the kernel's choice. */
void deaf_open(struct deaf *deaf, const char *host, uint16_t port);
void deaf_close(struct deaf *deaf);

int64_t in_a_minute(void);
struct slice url_of(const struct toy_origin *origin, const char *target, char *ret_url, size_t size);

#endif
