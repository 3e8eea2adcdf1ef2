/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_MEMCACHED_TEXT_ENCODE_H
#define LARDER_PROTO_MEMCACHED_TEXT_ENCODE_H

#include <stdint.h>

#include "base/slice.h"

/* The client's side of memcached's classic text protocol (doc/protocol.txt of memcached): what a client asks. It is for
 * servers that may be older than the meta commands (1.6), and for questions about many keys, which are one line here. */

enum mc_text_verb {
    MC_TEXT_GET,
    MC_TEXT_GETS,
    MC_TEXT_GAT, /* with the cas number: `gats` */
    MC_TEXT_SET,
    MC_TEXT_ADD,
    MC_TEXT_REPLACE,
    MC_TEXT_APPEND,
    MC_TEXT_PREPEND,
    MC_TEXT_CAS,
    MC_TEXT_DELETE,
    MC_TEXT_INCR,
    MC_TEXT_DECR,
    MC_TEXT_TOUCH,
    MC_TEXT_FLUSH,
    MC_TEXT_STATS,
    MC_TEXT_VERSION,
};

/* One command. What its verb does not have is not looked at. */
struct mc_text_command {
    enum mc_text_verb verb;
    struct slice key;   /* mc_text_key_is_valid */
    struct slice value; /* of stores: follows the head, and a CRLF follows it */
    uint32_t flags;
    int64_t expiry_s; /* from now; 0 for ever, negative at once; of FLUSH the delay */
    uint64_t number;  /* cas, or by how much to count */
};

enum {
    MC_TEXT_KEY_MAX = 250,
    MC_TEXT_START_MAX = 32,                  /* bytes of mc_text_start */
    MC_TEXT_HEAD_MAX = MC_TEXT_KEY_MAX + 96, /* bytes of mc_text_head */
};

/* 1 to MC_TEXT_KEY_MAX bytes without blanks and control characters. */
bool mc_text_key_is_valid(struct slice key);

/* The verbs that read values of any number of keys, and those that carry one. */
static inline bool mc_text_reads(enum mc_text_verb verb) {
    return verb <= MC_TEXT_GAT;
}
static inline bool mc_text_stores(enum mc_text_verb verb) {
    return verb >= MC_TEXT_SET && verb <= MC_TEXT_CAS;
}

/* The beginning of a line that reads; keys follow it, each with a blank before it, and a CRLF. `unix_s` is the time now, of
 * which long times to live are made dates. Returns the bytes written, at most MC_TEXT_START_MAX. */
size_t mc_text_start(enum mc_text_verb verb, int64_t expiry_s, int64_t unix_s, char *ret_text);

/* The whole line of any verb, its CRLF included. Returns the bytes written, at most MC_TEXT_HEAD_MAX. */
size_t mc_text_head(const struct mc_text_command *command, int64_t unix_s, char *ret_text);

#endif
