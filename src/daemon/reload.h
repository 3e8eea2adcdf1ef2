/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_RELOAD_H
#define LARDER_DAEMON_RELOAD_H

struct node;

/* SIGHUP: reads the configuration anew and gives every worker the new group policies, all or nothing: a mistake anywhere
 * is logged and changes nothing, and so is a change in which store groups there are and where. Other options need a
 * restart. While one reload is under way, another is ignored. */
void reload_begin(struct node *node);

/* Frees a reload that was still under way when the workers ended. */
void reload_cancel(struct node *node);

#endif
