/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_OPTION_CHECKS_H
#define LARDER_DAEMON_OPTION_CHECKS_H

#include "daemon/options.h"

/* The parts of options_load that look at more than one option. */

enum { OPTION_PLACE_MAX = 64 };

/* Where an option got its value, for people; `room` holds what is not a file's name. */
struct place option_place(const struct options *o, enum option option, char room[OPTION_PLACE_MAX]);

/* What must hold between the options of a group and those of the other groups and of the node. Fills in max_item where it
 * was not given. */
void group_options_settle(struct options *o, struct diagnostics *d);

/* What goes with an origin, and what does not; what its answers are kept by follows from the options. `place` is the group's. */
void origin_group_settle(struct options *o, size_t index, struct place place, struct diagnostics *d);

/* An option that only origin groups have and that was set; NULL: none was. Static. */
const char *origin_option_set_in(const struct group_policy *group);

/* If nobody said where the store is: the first directory of the variable STATE_DIRECTORY (systemd.exec(5),
 * RuntimeDirectory=), else the usual one if a group needs it. */
void data_dir_find(struct options *o, char *const *environment, struct diagnostics *d);

/* Whether data_dir, if there is one, is or could become a directory to write to. Makes nothing. */
void data_dir_check(const struct options *o, struct diagnostics *d);

/* What goes with a store in a cluster, and what does not. Reads no file, but sees whether it could. Shortens an attempt's time,
 * if nobody gave it, to half of the request's. */
void cluster_options_settle(struct options *o, struct diagnostics *d);

/* What makes a node one of several, and what is of no use without `cluster`. */
void ring_options_settle(struct options *o, struct diagnostics *d);

#endif
