/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_GROUP_OPTION_H
#define LARDER_DAEMON_GROUP_OPTION_H

#include "daemon/ini.h"
#include "daemon/options.h"

/* Sets one option of a group from its line in the file. What is wrong with the value is said in `d`; the policy is then as
 * before. */
void group_option_set(struct group_policy *policy, enum group_option option, const struct ini_line *line,
                      struct place place, struct diagnostics *d);

#endif
