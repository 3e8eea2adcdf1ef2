/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_HTTP_WATCH_H
#define LARDER_SESSION_HTTP_WATCH_H

#include "session/http_wish.h"

/* A watch as server-sent events (WHATWG HTML, 9.2; docs/PROTOCOLS.md has the events). It takes its session over: what the
 * client says after it is dropped, and the session ends with it. Events are only read from the store while there is room
 * in the outbox, so a client that reads slowly holds no more memory than its replies may have. */

/* Answers a GET that wants to watch. */
void http_session_watch(struct session *s, const struct http_request *r, struct http_wish *w);

/* Goes on, because there is room in the outbox again. */
void http_session_watch_resume(struct session *s);

#endif
