/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_WATCH_H
#define LARDER_CLI_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/http/events.h"
#include "cli/node.h"
#include "cli/terminal.h"

/* `larder watch` while it runs. */
struct watch {
    struct node node; /* first: ASK_ROWS */
    bool prefix;
    uint64_t from_revision; /* 0: from now on */
    uint64_t count;         /* 0: until it is interrupted */
    const char *word;       /* the key or the prefix */
    struct terminal terminal;
    int stop_fd; /* readable: interrupted */

    struct events events;
    bool connected;         /* at least once */
    bool compacted;         /* what would come next is gone */
    uint64_t oldest;        /* then, the oldest revision that is kept */
    uint64_t last_revision; /* everything up to it was printed; 0: nothing was told yet */
    uint64_t
        open_revision; /* of the latest event. Of several events in one revision a server tells again those that were */
    uint64_t open_printed; /* printed before the connection was lost; so many of them were */
    uint64_t open_seen;    /* and so many have come on this connection */
    uint64_t printed;
    int code; /* what ended it, when `ended` */
    bool ended;
    struct buf key; /* of an event, when it came in base64 */
    struct buf value;
};

/* Watches node->target until it is interrupted, has printed `count` events, or cannot go on; comes back to the server as
 * often as needed. Returns an exit code. */
int watch_follow(struct watch *watch);

/* Prints an event. */
void watch_print(struct watch *watch, struct slice name, json_t *data);

#endif
