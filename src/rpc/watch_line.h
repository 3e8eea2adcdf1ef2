/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_WATCH_LINE_H
#define LARDER_RPC_WATCH_LINE_H

#include "rpc/watch_stream.h"

/* In front of an etcd cluster, which is asked whether the caller may watch what it wants to: as in etcd, once, when the watch
 * begins. The watch itself is the node's own. What the stream is asked meanwhile waits in line, so that all of it is done in
 * the order in which it came. */
struct watch_line;

enum {
    WATCH_LINE_MAX = 4096,          /* requests that may wait on one stream */
    WATCH_LINE_BYTES_MAX = 8 << 20, /* bytes of them */
};

/* Begins the line with a request to create a watch, which lies in the worker's scratch memory. Without memory the call is
 * finished. */
void watch_line_begin(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r);

/* Puts a request into the line; one too many ends the call. */
void watch_line_add(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r);

/* --- watch.c --- */

/* Does what is asked; `error`: whether whoever asks may. */
void watch_obey(struct watch_stream *stream, const Etcdserverpb__WatchRequest *r, enum etcd_error error);

struct store_watch watch_of_request(const Etcdserverpb__WatchCreateRequest *r);

#endif
