/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLUSTER_PURGE_RECORD_H
#define LARDER_CLUSTER_PURGE_RECORD_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/request.h"

/* What stands in the store under a purge's key, which names the group (cluster/cluster.h):
 *
 *     <id>                 of the node that was asked for it: all keys of the group
 *     <id> 2 <prefix>      those that begin so behind the group's name and its '/'; in base64
 *
 * The number is the version of what follows the id. A node that does not know it, or cannot read what follows, purges the whole
 * group: rather too much than something that was purged. So do nodes that know of no prefixes. */

enum {
    PURGE_RECORD_VERSION = 2,
    PURGE_PREFIX_ROOM =
        (REQUEST_KEY_MAX + 2) / 3 * 4, /* while it is read it takes more than its REQUEST_KEY_MAX bytes */
};

/* Puts the prefix of the record into `place`. Empty: it is of the whole group. */
struct slice purge_record_read(struct slice value, char place[PURGE_PREFIX_ROOM]);

/* Appends a record; `prefix` is at most REQUEST_KEY_MAX bytes, empty for the whole group. Errors: as of buf_append; nothing is
 * appended then. */
enum larder_error purge_record_write(struct slice id, struct slice prefix, struct buf *out);

#endif
