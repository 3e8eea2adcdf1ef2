/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NOTIFY_H
#define LARDER_DAEMON_NOTIFY_H

/* Tells a service manager how the node is doing, by the datagram protocol of systemd's sd_notify(3): one message to the
 * socket that NOTIFY_SOCKET names. Without it nothing happens. */
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
