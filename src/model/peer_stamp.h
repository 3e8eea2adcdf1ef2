/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_PEER_STAMP_H
#define LARDER_MODEL_PEER_STAMP_H

#include <stdbool.h>
#include <stdint.h>

/* What travels with a request from one node of a cluster to another (ring/keeper.h says what it is good for). On the wire it
 * is the token of the meta flag P, and give_up is the flag L; both are memcached's for proxies (doc/protocol.txt). */
struct peer_stamp {
    int64_t revision; /* of the sender's membership */
    uint64_t digest;  /* of the same */
    int64_t purges;   /* the number of the newest purge that the sender has applied */
    bool give_up;     /* a get: the entry is handed over, with all that is known of it, and is here no more */
    bool keeps;       /* a get: its sender would keep a copy of what it gets (ring/hot_copies.h); goes with `purges` */
    int64_t
        asker; /* of one that came with `keeps`: the incarnation of the node that has sent it, as its connection's greeting
                    * says; 0: it is not known. It does not travel */
    uint64_t revoke; /* of a copy: the number of the revocation by which its holder is to drop it; 0: it is none */
};

#endif
