/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_INTERNAL_H
#define LARDER_SESSION_INTERNAL_H

#include "cmd/cmd.h"
#include "session/session.h"

/* Between the files of this room. Both process what they can of `input` and return how many bytes that was. */
size_t session_memcached(struct session *s, struct slice input);
size_t session_http(struct session *s, struct slice input);

/* A large value that is read straight to its place: the table's memory, or that of a write to the store. The command's
 * line is kept, to be decoded again when the value is complete. */
struct body {
    struct buf line;
    struct placed_value value;
    size_t filled; /* bytes of the value that have come */
    char tail[2];  /* the CRLF behind it */
    size_t tail_filled;
};

/* Where bytes of the body go next; false when it is complete. */
bool session_body_place(struct session *s, char **ret_data, size_t *ret_size);

/* Notes that `size` bytes were put there; runs the command when that was the last. */
void session_body_filled(struct session *s, size_t size);

void session_body_free(struct session *s);

/* The body of an HTTP request that is on its way. Its bytes may be read straight to where the value is wanted: false, if
 * they have to go through session_http. */
struct http_upload;
bool session_upload_place(struct session *s, char **ret_data, size_t *ret_size);

/* Whether the bytes that were just read went to such a place. */
bool session_upload_is_direct(const struct session *s);
void session_upload_filled(struct session *s, size_t size);
void session_upload_free(struct session *s);

/* Ends a call by JSON without a word. */
void session_gateway_free(struct session *s);

/* Lets go of it if it has been answered. Only while there is one. */
void session_gateway_settle(struct session *s);

/* Whether one is open that will be answered without the client's doing; not a watch, nor what waits for others. */
bool session_gateway_is_waiting(const struct session *s);

/* Calls of gRPC at rest. */
void session_worker_free_calls(struct session_worker *w);

/* Ends a watch without a word. */
void session_watch_free(struct session *s);

/* Gives up a get that was put off. */
void session_get_free(struct session *s);

/* The outbox to write a reply to; ends the session and returns NULL when there is no memory for one. */
struct outbox *session_outbox(struct session *s);

/* After requests were run or replies came in: gives back what is not needed. An outbox that was borrowed for replies that
 * then were not to be sent is one such thing. */
void session_settle(struct session *s);

/* Whether so much waits to be sent that requests must wait. */
bool session_is_full(const struct session *s);

/* Ends the session without the replies that are still to come: one could not be written whole. */
static inline void session_fail(struct session *s) {
    s->over = true;
    s->failed = true;
}

static inline void session_check(struct session *s, enum larder_error error) {
    if (error != LARDER_OK) {
        session_fail(s);
    }
}

#endif
