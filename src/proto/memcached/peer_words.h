/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_PEER_WORDS_H
#define LARDER_PROTO_MEMCACHED_PEER_WORDS_H

#include <stdbool.h>

#include "base/slice.h"
#include "model/request.h"

/* The words that nodes use among themselves beside memcached's. A client's line leaves open what its server makes of it, and
 * asks for the parts of the reply that it wants; a node's says exactly what its request is, and is told all of the reply.
 *
 * A request: the meta command, the key, of ms the size, then P (which comes first), A, and the others that are not 0:
 *     P<revision>.<digest>[.<ms>]  the stamp: decimal, 16 hexadecimal digits, and what is left of the deadline
 *     A<command><options>          what is asked: a letter of peer_commands, and letters of peer_options
 *     L<purges>                    the entry is to be given up, if as many purges are applied
 *     K<purges>                    of a get: the sender would keep a copy of what it gets (ring/hot_copies.h). But for L and K
 *                                  the stamp's number of purges is not sent
 *     U<number>                    of a get: it is an order to drop the copy of the key, and this its number. One of L, K and U
 *                                  at most, and once
 *     b                            the key travels in base64
 *     T N R F C E D J              ttl, vivify_ttl, recache_ttl (plain seconds, never dates), client_flags, compare, cas,
 *                                  delta, initial
 *     Y[=<list>][!<list>]          the conditions match and none_match: `*`, or numbers parted by commas
 *     W<7 numbers, parted by dots>  how fresh a get of an origin group is to be, in HTTP's words too: the kind of freshness
 *                                  and 1 (0: the group's), max_stale in ms; words, max_age, min_fresh, max_stale, if_error of caching_request.h
 *     H<ids><0|1>                  where it stands in a trace (W3C Trace Context): 32 hexadecimal digits of the trace, 16 of the
 *                                  span that asks, and whether that is sampled
 *     O<opaque>
 * A reply: the status of a meta command (EN is a miss, NF not found, whatever was asked), of VA the size, then those that are
 * not 0:
 *     c f t l          cas, client_flags, ttl, last_access
 *     e                ttl_before, if it is not ttl
 *     g q s N          footprint, queue, the size of a value that is not shown, number
 *     A<letters>       b binary_key, u unchanged, h fetched, x stale, w won, z win_sent, n created
 *     H<head>.<source>.<status>[.c][.s]  the value is what an origin has answered, with so many bytes of head; where it came
 *                                  from, what the origin said just now, collapsed, stored
 *     G<us>            with a value: the asker may keep it for so many microseconds from when it asked, rounded down
 *     X<result>        of a request that may be answered out of turn: it ends with this result, as HD; errors are told so
 *     O<opaque>
 * or the line of an error, which has no opaque. With the option o a hit is told with c, f, H and G alone. */

struct peer_command {
    enum command command;
    char letter;
    char verb; /* the second letter of the meta command */
};

extern const struct peer_command peer_commands[];
extern const unsigned peer_command_count;

struct peer_option {
    uint32_t option; /* of enum request_option */
    char letter;     /* a to z */
};

/* All but PEER_OPTIONS_OF_STORES. */
extern const struct peer_option peer_options[];
extern const unsigned peer_option_count;

/* Options that have a meaning for store groups only. No node is asked for them. */
#define PEER_OPTIONS_OF_STORES ((uint32_t)REQUEST_AT_REVISION)

enum {
    PEER_DIGEST_DIGITS = 16,
    PEER_TRACE_SIZE = 3 * PEER_DIGEST_DIGITS + 1, /* behind H */
    /* The longest deadline that is sent: a day. */
    PEER_DEADLINE_MAX_MS = 24 * 3600 * 1000,
    /* The longest life of a copy that is granted. More than that is not meant, and is no answer of a node. */
    PEER_COPY_MAX_US = 60 * 1000 * 1000,
    PEER_COPY_UNIT_NS = 1000, /* what it is counted in */
};

#endif
