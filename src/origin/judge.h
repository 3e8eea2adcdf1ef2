/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ORIGIN_JUDGE_H
#define LARDER_ORIGIN_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/freshness.h"
#include "origin/answer.h"
#include "origin/entry.h"
#include "origin/policy.h"
#include "proto/http/caching_request.h"

/* What to do with a request for a key of an origin, and with what came of asking the origin: RFC 9111 for a shared cache,
 * RFC 5861, RFC 8246. Decisions alone: no I/O, no memory of its own; the wall clock is passed in, in milliseconds since
 * 1970-01-01 UTC. docs/PROTOCOLS.md, "Origins", has it as tables.
 *
 * Larder asks origins with the same request for a key whoever wants it: nothing of a client's request but the key goes to the
 * origin, no Authorization, no Cookie, no Accept-Encoding. So RFC 9111, 3.5 (answers to authenticated requests) does not
 * arise, and "Vary: Accept-Encoding" names a field that no two of these requests differ in. Whoever sends more of a client's
 * request must bring that up here.
 *
 * The order of things:
 *     entry = what the table holds, read by origin_entry_read; or NULL
 *     judge_request(entry, wish, now)
 *     SERVE, SERVE_AND_REFRESH       answer from the entry; with the latter one load in the background, if none is under way
 *     REVALIDATE, LOAD, PASS         one request to the origin, which ends in judge_answer or judge_failure
 *     judge_answer, judge_failure    what to do with the table, and who gets what */

/* What a request wants; the stricter of the two counts. All zero: nothing in particular. Of a freshness `linearizable` is a
 * revalidation that begins from now on, and max_stale is an age that the answer may have at most, fresh or not. */
struct judge_wish {
    struct freshness freshness;
    struct http_caching_request caching;
};

/* --- a request --- */

enum judge_way {
    JUDGE_SERVE,             /* the entry is the answer */
    JUDGE_SERVE_AND_REFRESH, /* it is, though stale, and is refreshed in the background */
    JUDGE_REVALIDATE,        /* ask the origin with the entry's validators; requests for the key wait for one of them */
    JUDGE_LOAD,              /* ask the origin; requests for the key wait for one of them */
    JUDGE_PASS,   /* ask the origin for this request alone: it neither waits for another nor lets another wait */
    JUDGE_REFUSE, /* 504: the request had only-if-cached, and nothing here will do; RFC 9111, 5.2.1.7 */
    JUDGE_FAIL,   /* 504: the origin failed a moment ago, and the entry must not be served for that */
};

/* Why, as Cache-Status says it (RFC 9211, 2.2). */
enum judge_cause {
    JUDGE_HIT,
    JUDGE_MISS,  /* fwd=uri-miss: there is no entry */
    JUDGE_STALE, /* fwd=stale */
    JUDGE_ASKED, /* fwd=request: the entry is fresh, but the request wants better, or the answer to it may not be stored */
    JUDGE_MARKED, /* fwd=bypass: answers for this key are not stored */
};

#define JUDGE_JOIN_ANY INT64_MAX
#define JUDGE_JOIN_NONE INT64_C(-1)

struct judge_decision {
    enum judge_way way;
    enum judge_cause cause;
    bool stale;     /* SERVE, SERVE_AND_REFRESH: it is */
    bool may_store; /* of a request to the origin: what comes of it may be stored; for struct judge_load */
    int64_t age_ms; /* of the entry, if there is one that is no marker */
    /* REVALIDATE, LOAD: a request to the origin that is under way for others will do if it began at most so long ago;
     * JUDGE_JOIN_ANY, or JUDGE_JOIN_NONE: it must begin from now on. */
    int64_t join_ms;
    struct slice if_none_match;     /* REVALIDATE: value of the field, borrowed from the entry; empty: none */
    struct slice if_modified_since; /* likewise */
};

/* `entry` is NULL if there is none. */
struct judge_decision judge_request(const struct origin_entry *entry, const struct judge_wish *wish, int64_t now_ms);

/* Whether `entry`, stale or not, may answer a request with this wish after the origin has failed it: RFC 9111, 4.2.4, and
 * RFC 5861, 4. Ask it for each that waited. */
bool judge_survives_error(const struct origin_entry *entry, const struct judge_wish *wish, int64_t now_ms);

/* --- what came of a request to the origin --- */

/* The answer itself, or the error, goes to the one who asked first in any case, and if `shared` to all who wait. All but
 * PASS_ON and RELOAD are about the key's place in the table: whoever changed or purged it since the request to the origin
 * began comes first, and then the place is left alone. */
enum judge_action {
    JUDGE_STORE, /* write outcome.entry, with the answer's body, in place of what is there */
    JUDGE_RENEW, /* write outcome.entry, which is the old one with its body, renewed by a 304: RFC 9111, 4.3.4 */
    JUDGE_KEEP, /* leave the old entry, but write held_ms into it unless that is 0 (origin_entry_hold); of those who wait
                    * each gets it if judge_survives_error, else the error */
    JUDGE_MARK,    /* write outcome.entry, a marker, in place of what is there */
    JUDGE_DROP,    /* delete what is there */
    JUDGE_PASS_ON, /* change nothing */
    JUDGE_RELOAD,  /* the 304 is about something else than the entry: ask again, without validators */
};

enum judge_obstacle {
    JUDGE_NO_OBSTACLE,
#define OBSTACLE(name, label) JUDGE_OBSTACLE_##name,
#include "origin/obstacles.def"
#undef OBSTACLE
    JUDGE_OBSTACLE_COUNT
};

/* "no-store", ...; "none"; static. */
const char *judge_obstacle_label(enum judge_obstacle obstacle);

/* Why there is no answer. */
enum judge_fault {
    JUDGE_UNREACHABLE, /* no address, no connection, or it ended before the head */
    JUDGE_TIMEOUT,
    JUDGE_BROKEN, /* what came is no answer: not HTTP, a body that ends early, a status that was not asked for */
};

/* A request to the origin. `old` is what is stored, or NULL; if validators were sent, they were its. */
struct judge_load {
    const struct origin_policy *policy;
    const struct origin_entry *old;
    bool conditional; /* validators were sent */
    bool may_store;   /* of the decision; true of a refresh */
};

/* An entry of an outcome has no body, but for RENEW: give it the size of the answer's before its head is written, see
 * origin_entry_set_body_size for one that is not known. If the body breaks off, or grows beyond max_body, the outcome is
 * void, and judge_failure or judge_outgrown has the next one. */
struct judge_outcome {
    enum judge_action action;
    enum judge_obstacle obstacle; /* of MARK, DROP, PASS_ON and KEEP */
    bool failed;                  /* there is no answer to pass on: answer `status` */
    unsigned status;              /* of the answer; 502 or 504 if `failed` */
    /* All who wait get it. False: it is for the one who asked first; the others ask for themselves, and need not wait for each
     * other. */
    bool shared;
    int64_t held_ms;           /* KEEP */
    int64_t keep_ms;           /* STORE, RENEW, MARK: the table needs the entry for so long from now, at least 1 */
    struct origin_entry entry; /* STORE, RENEW, MARK; borrowed from the answer and the old entry, else undefined */
};

/* The head of an answer is there. What it had to wait for is in the answer's times. */
void judge_answer(const struct judge_load *load, const struct origin_answer *answer, struct judge_outcome *ret_outcome);

/* There will be none, or not all of it. The request began at asked_ms, and it is now_ms. */
void judge_failure(const struct judge_load *load, enum judge_fault fault, int64_t asked_ms, int64_t now_ms,
                   struct judge_outcome *ret_outcome);

/* The body of an answer that was to be stored has become longer than max_body. */
void judge_outgrown(const struct judge_load *load, const struct origin_answer *answer,
                    struct judge_outcome *ret_outcome);

#endif
