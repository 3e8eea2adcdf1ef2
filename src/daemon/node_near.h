/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_NODE_NEAR_H
#define LARDER_DAEMON_NODE_NEAR_H

#include "cohere/near.h"
#include "daemon/options.h"

/* What the near store (cohere/near.h) is told of the options and the groups. */

enum { NEAR_WATCH_WORDS = 3 };

/* What store-watch may say, by enum near_watch. */
extern const char *const near_watch_words[NEAR_WATCH_WORDS];

/* The groups' policies as they are at the start; which group a key belongs to, and what is kept of it, holds until the end. */
struct node_near;

/* NULL: no memory. `groups` is copied. */
struct node_near *node_near_new(const struct group_set *groups);

/* NULL is allowed. */
void node_near_free(struct node_near *near);

/* Fills in all but `cluster`. What it points to lives as long as `near`. */
void node_near_configure(const struct node_near *near, const struct options *o, struct near_config *config);

#endif
