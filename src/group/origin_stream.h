/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_ORIGIN_STREAM_H
#define LARDER_GROUP_ORIGIN_STREAM_H

#include "group/origin_internal.h"

/* Telling the one who asked first what comes while it comes, if his worker runs the flight and he takes it so.
 *
 * What is stored, or is for everybody, is gathered as ever, and he reads along. What is for him alone is *passed*: the others
 * are told so at the head, so that none waits for the speed of his connection, what he has taken is dropped, and when he
 * is behind the origin is not read. There is no ceiling for such a body; but if nothing moves for the time of the group, in either
 * direction, it ends.
 *
 * A turn of the loop goes by before he is told: what has come whole by then goes out whole. */

/* The head of an answer is there. Whether he is told of it as it comes, by what the outcome is now. */
bool origin_streams(const struct origin_flight *f, const struct fetch_head *head);

/* The value of such a one is begun. */
void origin_stream_begin(struct origin_flight *f, const struct fetch_head *head);

/* A body that was gathered is for him alone after all. */
void origin_stream_pass(struct origin_flight *f);

/* Before a piece of a body that is passed is put behind the others. */
void origin_stream_make_room(struct origin_flight *f, size_t size);

/* There is more. What the origin is to do. */
enum fetch_flow origin_stream_news(struct origin_flight *f);

/* On the way of his pending's queue: tells him. */
void origin_stream_tell(struct origin_op *op);

#endif
