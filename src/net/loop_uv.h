/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_LOOP_UV_H
#define LARDER_NET_LOOP_UV_H

struct loop;
struct uv_loop_s;

/* libuv's loop inside ours; only for the files of this room. */
struct uv_loop_s *loop_uv(struct loop *loop);

#endif
