/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_COMMAND_H
#define LARDER_PROTO_MEMCACHED_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outbox.h"
#include "base/slice.h"
#include "model/reply.h"
#include "model/request.h"
#include "proto/http/caching_request.h"

/* The memcached protocol, text and meta, as its servers of the 1.6 series speak it (doc/protocol.txt of memcached).
 * Bytes to requests and replies to bytes; no I/O, no state between commands. */

/* The grammar that a command's reply follows. */
enum mc_form {
    MC_FORM_GET,   /* VALUE lines and END, one request per key */
    MC_FORM_LINE,  /* one word: STORED, DELETED, OK, ... or a number */
    MC_FORM_STATS, /* STAT lines and END */
    MC_FORM_META,  /* mg ms md ma */
    MC_FORM_DEBUG, /* me */
    MC_FORM_PEER,  /* mg ms md ma me of another node: with the flag P */
    MC_FORM_NOOP,  /* mn */
    MC_FORM_QUIT,  /* no reply: the connection ends */
    MC_FORM_ERROR, /* `error` is the reply */
};

enum {
    MC_LINE_MAX = 2048,                /* bytes of a command line before its newline, except for keys to get */
    MC_BODY_MAX = INT32_MAX - 2,       /* bytes of a value that a line may announce; what is too large is swallowed */
    MC_META_FLAGS_MAX = 20,            /* flags of one meta command */
    MC_OPAQUE_MAX = 32,                /* bytes of an opaque with its letter */
    MC_KEY_ROOM = REQUEST_KEY_MAX + 2, /* what the base64 of the longest key may decode to before it is measured */
};

/* One decoded command. Slices point into the input, or, for a base64 key, into this struct: it must not be copied. */
struct mc_command {
    struct request request;
    enum mc_form form;
    bool has_body;          /* request.body_size bytes and CRLF follow the line */
    bool bad_body;          /* ... and are dropped: the line is answered with `error` */
    bool noreply;           /* text: no reply, whatever comes */
    bool quiet;             /* meta: no reply to the expected */
    bool show_cas;          /* MC_FORM_GET */
    bool show_value;        /* MC_FORM_META */
    char verb;              /* MC_FORM_META: g, s, d or a */
    struct slice more_keys; /* MC_FORM_GET: keys after request.key */
    struct slice flags;     /* MC_FORM_META: the flag tokens, already checked */
    struct slice arguments; /* MC_FORM_STATS and others: what follows the first word; MC_FORM_PEER: the opaque */
    struct slice error;     /* MC_FORM_ERROR: the whole reply line */
    /* From here on only what the request points to is filled in. */
    char decoded_key[MC_KEY_ROOM];
    struct peer_stamp stamp;
    struct conditions conditions;
    struct http_caching_request caching;
};

/* Lines that stand for more than one place. */
#define MC_ERROR SLICE("ERROR\r\n")
#define MC_ERROR_TOO_MANY SLICE("ERROR Too many open connections\r\n")
#define MC_RESET SLICE("RESET\r\n")
#define MC_ERROR_FORMAT SLICE("CLIENT_ERROR bad command line format\r\n")
#define MC_ERROR_CHUNK SLICE("CLIENT_ERROR bad data chunk\r\n")

/* Decodes the line `line` (without its newline and the CR before it). Always gives a command; what is wrong becomes
 * MC_FORM_ERROR. */
void mc_decode(struct slice line, struct mc_command *ret_command);

/* The same on a connection that another node has opened with a greeting (peer/greeting.h): what it asks for has the flag P,
 * which becomes request.peer, and says exactly what the other node's request said (peer_words.h). Deadlines come as what is
 * left of them: they count from `now_ns`, monotonic. But for that only mn and quit are understood. */
void mc_decode_greeted(struct slice line, int64_t now_ns, struct mc_command *ret_command);

/* Whether a line that begins so may go on beyond MC_LINE_MAX. */
bool mc_line_may_be_long(struct slice start);

/* A first glance at the command that begins `input`, for those who want to know early what it will ask for. */
struct mc_glance {
    struct slice keys; /* as they stand in the line, separated by spaces; of a get all, else the first */
    size_t size;       /* of the command, its value included */
};

/* False: no key can be seen, or the line is not whole. Right more often than not is enough: nothing is checked. */
bool mc_glance_at(struct slice input, struct mc_glance *ret_glance);

/* Moves on to the next key of an MC_FORM_GET command. False: that was the last. */
bool mc_next_key(struct mc_command *command);

/* The first word behind the command, empty if there is none: the topic of stats. */
struct slice mc_first_argument(const struct mc_command *command);

/* Appends the reply to the command's current request (for MC_FORM_GET: the VALUE, or nothing). Values of at least
 * `reference_from` bytes are referenced, not copied, if they lie in a blob. Errors: LIMIT, NO_MEMORY: the reply is
 * incomplete and the connection must end. */
enum larder_error mc_encode(struct outbox *out, const struct mc_command *command, const struct reply *reply,
                            size_t reference_from);

/* Whether the reply to a key of MC_FORM_GET is an error: its line ends the whole answer, in place of mc_encode_end. */
static inline bool mc_breaks_get(const struct reply *reply) {
    return reply->result != RESULT_HIT && reply->result != RESULT_MISS && reply->result != RESULT_ORIGIN_ABSENT;
}

/* Ends the reply of MC_FORM_GET and MC_FORM_STATS. Errors as above. */
enum larder_error mc_encode_end(struct outbox *out);

/* One line of MC_FORM_STATS. Errors as above. */
enum larder_error mc_encode_stat(struct outbox *out, const char *name, const char *value);

/* Whether this result is one that a quiet or noreply command hides although it is an error. */
bool mc_hides(const struct mc_command *command, const struct reply *reply);

#endif
