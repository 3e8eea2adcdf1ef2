/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_SIGNAL_H
#define LARDER_NET_SIGNAL_H

struct loop;
struct signal_watch;

/* `number` is SIGTERM, SIGINT or SIGHUP. */
typedef void signal_fn(void *ctx, int number);

/* Turns SIGTERM, SIGINT and SIGHUP of this process into calls on the loop's thread, wherever the kernel delivers them.
 * One watch per process. NULL: out of memory or descriptors. */
struct signal_watch *signal_watch_new(struct loop *loop, signal_fn *on_signal, void *ctx);

/* Gives the signals their default action back. NULL is allowed. */
void signal_watch_free(struct signal_watch *watch);

#endif
