/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_POOL_OPTION_H
#define LARDER_DAEMON_POOL_OPTION_H

#include "daemon/group_option.h"

/* Options of a group that is in a pool of Go's groupcache: ring, replicas, self, peers. */

/* Sets one of them from its line; what is wrong with the value is said in `d`. */
void pool_option_set(struct group_policy *policy, enum group_option option, const struct ini_line *line,
                     struct place place, struct diagnostics *d);

/* One that has a meaning in a pool alone and was set; NULL: none was. Static. */
const char *pool_option_set_in(const struct group_policy *group);

/* Makes the pool of an origin group that is to be in one, when all options are known; or says in `d` what is missing, or
 * what does not go with it. */
void pool_group_settle(const struct options *o, struct group_policy *group, struct place place, struct diagnostics *d);

#endif
