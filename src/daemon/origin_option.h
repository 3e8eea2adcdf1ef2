/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_ORIGIN_OPTION_H
#define LARDER_DAEMON_ORIGIN_OPTION_H

#include "daemon/group_option.h"

/* An option that only origin groups have: its value goes to policy->origin; what is wrong with it is said in `d`. */
void origin_option_set(struct group_policy *policy, enum group_option option, const struct ini_line *line,
                       struct place place, struct diagnostics *d);

#endif
