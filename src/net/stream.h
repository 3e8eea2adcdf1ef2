/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_STREAM_H
#define LARDER_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "net/address.h"

struct loop;

/* A connected socket on a loop, without buffers of its own: one recv per readiness into memory of the owner's choice,
 * and writes that are tried at once. In the steady state a request costs one recv, one send and no epoll_ctl.
 *
 * The life of a stream, all on its loop's thread:
 * - stream_open or stream_connect take the struct, which the owner embeds and must leave in place until on_close.
 * - While open, the callbacks come. Any function of this header may be called from any of them.
 * - It starts to close by stream_close, or by itself at the end of the input or at an error. From that moment no
 *   callback but on_close comes (but see reads_rest) and writes fail with CLOSED. The descriptor is closed at once.
 * - on_close comes exactly once, from the loop, never from inside another function or callback of this room: an owner
 *   is never freed under its own feet. In on_close the struct is the owner's again, to free or to reuse. */
struct stream_ops {
    /* Where to put the next bytes: at least 1 byte of room. It is written to before on_read is called, and no more
     * after that; so one buffer may serve all the streams of a loop. */
    void (*read_buffer)(void *ctx, char **ret_data, size_t *ret_size);
    /* `size` > 0 bytes arrived in that buffer. */
    void (*on_read)(void *ctx, size_t size);
    /* The other side has ended its half; reading stops, writing goes on, and the owner closes when it is done. NULL: the
     * end of the input closes the stream. */
    void (*on_end)(void *ctx);
    /* There is room to write and stream_want_write was set; comes every turn until it is unset. */
    void (*on_writable)(void *ctx);
    /* The end. LARDER_OK: stream_close. CLOSED: the other side has ended or reset the connection. REFUSED, TIMEOUT,
     * NOT_FOUND (a Unix socket that does not exist): connecting failed. IO: anything else. */
    void (*on_close)(void *ctx, enum larder_error error);
    /* stream_connect has succeeded; reading has begun. NULL for accepted streams. */
    void (*on_connect)(void *ctx);
    /* When the other side resets the connection, or a write finds that it has, what it said before is still read: on_read
     * may come, while stream_closing is true already, up to on_close. For those to whom the last words matter. */
    bool reads_rest;
};

/* Storage, about 200 bytes; its fields are the room's own. */
struct stream {
    void *opaque[26];
};

/* Takes over the connected socket `fd` (made non-blocking if it is not) and starts to read. `ops` must outlive the
 * stream. Errors: LIMIT, NO_MEMORY, IO; then fd is closed, there is no stream and no callback comes. */
enum larder_error stream_open(struct stream *stream, struct loop *loop, int fd, const struct stream_ops *ops,
                              void *ctx);

/* Connects to `endpoint`; on_connect or on_close follow, also when it fails at once. Gives up after `timeout_ns` (> 0)
 * with TIMEOUT. No writing before on_connect. Errors: LIMIT, NO_MEMORY, IO (no socket); then there is no stream and no
 * callback comes. */
enum larder_error stream_connect(struct stream *stream, struct loop *loop, const struct endpoint *endpoint,
                                 int64_t timeout_ns, const struct stream_ops *ops, void *ctx);

/* Tries once to write the `count` (1..IOV_MAX) pieces and says in ret_written how many bytes the kernel took, which
 * may be fewer, or none. The rest stays with the caller: see stream_want_write. Errors: CLOSED, IO; then ret_written
 * is 0, the stream is closing and on_close follows with that error. */
enum larder_error stream_write(struct stream *stream, const struct iovec *pieces, int count, size_t *ret_written);

/* Whether on_writable is called while there is room. Off at first. Costs system calls when it changes. */
void stream_want_write(struct stream *stream, bool want);

/* Whether it reads; off is how an owner holds a sender back. On at first. While off the end of the connection is not
 * noticed. Costs system calls when it changes. */
void stream_want_read(struct stream *stream, bool want);

/* Says to the other side that no more will be written; reading goes on. Whoever closes with input unread makes the kernel
 * reset the connection, and the last words may be lost; so this first, then read to the end, then stream_close. */
void stream_end_writing(struct stream *stream);

/* Starts to close; unsent bytes of the owner's are the owner's loss. Twice is fine, never blocks. */
void stream_close(struct stream *stream);

/* True from stream_close, an error or the end of the input on. */
bool stream_closing(const struct stream *stream);

/* The other side, for logs. Errors: CLOSED (closing), IO. */
enum larder_error stream_peer(const struct stream *stream, struct address *ret_address);

#endif
