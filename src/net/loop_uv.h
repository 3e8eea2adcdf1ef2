/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_LOOP_UV_H
#define LARDER_NET_LOOP_UV_H

#include <stdint.h>

struct loop;
struct uv_loop_s;

/* libuv's loop inside ours; only for the files of this room. */
struct uv_loop_s *loop_uv(struct loop *loop);

/* Another number, never 0, each time the loop has looked at its sockets; likewise. */
uint64_t loop_turn(const struct loop *loop);

#endif
