/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_WATCH_SEND_H
#define LARDER_RPC_WATCH_SEND_H

#include "proto/etcd/watch_message.h"
#include "rpc/watch_hub.h"

/* What watches are sent. */

/* A message about the watch `id`, or WATCH_ID_NONE, which is what progress of all of them is. */
void watch_send(struct watch_stream *stream, int64_t id, int64_t revision, Etcdserverpb__WatchResponse *response);

enum { WATCH_ID_NONE = -1 };

/* That there will be no more, and why. */
void watch_send_end(const struct rpc_watch *watch, const struct store_batch *batch);

/* The events of a batch, for one reader after the other. What they have in common is made for the first. */
struct watch_news {
    struct rpc_worker *worker;
    const struct store_batch *batch;
    struct arena arena;
    Mvccpb__Event **events; /* NULL: not made yet */
    struct etcd_watch_parts parts;
    size_t size; /* bytes of keys and values */
};

void watch_news_begin(struct watch_news *news, struct rpc_worker *worker, const struct store_batch *batch);

/* Sends the watch what it has not been told of. */
void watch_news_send(struct watch_news *news, struct rpc_watch *watch);

void watch_news_end(struct watch_news *news);

#endif
