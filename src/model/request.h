/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_REQUEST_H
#define LARDER_MODEL_REQUEST_H

#include <stdint.h>

#include "base/slice.h"
#include "model/command.h"
#include "model/condition.h"
#include "model/freshness.h"
#include "model/peer_stamp.h"
#include "model/trace_context.h"

enum { REQUEST_KEY_MAX = 250 /* memcached's limit for a key, in bytes */ };

/* What a request asks beyond its command. A field that belongs to an option is read only when the option is set. */
enum request_option {
    REQUEST_COMPARE = 1 << 0,             /* only if the entry's cas equals `compare` */
    REQUEST_SET_CAS = 1 << 1,             /* the new cas is `cas` */
    REQUEST_VIVIFY = 1 << 2,              /* a miss makes an entry, of `vivify_ttl`, that the caller has won */
    REQUEST_RECACHE = 1 << 3,             /* a remaining life under `recache_ttl` lets one caller win */
    REQUEST_TOUCH = 1 << 4,               /* the life becomes `ttl` */
    REQUEST_INVALIDATE = 1 << 5,          /* delete: mark stale, do not remove; set: an older cas stores as stale */
    REQUEST_NO_BUMP = 1 << 6,             /* does not count as a use of the entry */
    REQUEST_DROP_VALUE = 1 << 7,          /* delete: empty the value, keep the entry with `client_flags` */
    REQUEST_MAY_WIN = 1 << 8,             /* the caller understands stale and won answers */
    REQUEST_RECACHE_AFTER_TOUCH = 1 << 9, /* RECACHE looks at the life that TOUCH gave */
    REQUEST_BINARY_KEY = 1 << 10,         /* the key came in base64 */
    REQUEST_VIVIFY_AFTER_TOUCH = 1 << 12, /* of a vivified entry's two lives VIVIFY's counts */
    REQUEST_EVICT_ON_REFUSAL = 1 << 11,   /* a store that is refused for its size removes the old value in every mode */
    REQUEST_WANT_TTL = 1 << 13,           /* the reply shows the remaining life */
    REQUEST_WANT_CREATED = 1 << 15,       /* the reply of a SET tells whether the key was absent; store groups ask */
    REQUEST_AT_REVISION = 1 << 16,        /* GET: as of `revision` */
    REQUEST_PLAIN = 1 << 17,              /* of the entry only value, client flags and cas are shown */
    REQUEST_OUT_OF_TURN = 1 << 18,        /* between nodes: the answer may come before those to earlier requests */
    REQUEST_ASIDE = 1 << 19,     /* between nodes, of a key whose owner cannot be asked: group/shared_aside.c */
    REQUEST_FROM_POOL = 1 << 20, /* GET: another member of a pool of groupcache asks; no member is asked for it */
    REQUEST_FRESHNESS = 1 << 14, /* a read: as fresh as `freshness` says, not as the group does */
};

/* Seconds to live. Negative: already over. */
enum { REQUEST_TTL_FOREVER = 0 };

/* Whether a reply that is pending may be told bit by bit: group/answer_stream.h. */
enum request_stream {
    REQUEST_WHOLE,        /* no */
    REQUEST_STREAM_SIZED, /* if its size is known at the beginning */
    REQUEST_STREAM,
};

struct http_caching_request;
struct trace_scope;

/* One operation, free of any wire form. The slices are borrowed from the connection's input and stay valid until the
 * reply was encoded. */
struct request {
    enum command command;
    uint32_t options;           /* of enum request_option */
    struct slice key;           /* of FLUSH: the name of a group, or empty: all of them */
    struct slice value;         /* of FLUSH of a group: what the keys begin with, behind its name */
    int64_t deadline_ns;        /* on the monotonic clock; the work is in vain after it; 0: none was given */
    struct trace_context trace; /* that it came with from another node of the cluster, or goes with to one */
    struct trace_scope *scope;  /* what is done for it is done within this; NULL: nobody follows it. trace/scope.h */
    uint32_t client_flags;      /* memcached's opaque flags */
    uint32_t body_size;         /* of the value, known before the value is */
    int64_t ttl;                /* of a write or a touch; seconds from now, REQUEST_TTL_FOREVER, or negative */
    int64_t vivify_ttl;
    int64_t recache_ttl;
    uint64_t compare;
    uint64_t cas;
    uint64_t delta;   /* INCR, DECR */
    uint64_t initial; /* INCR, DECR: the number a miss is vivified with */
    const struct conditions
        *conditions; /* SET, DELETE: done only if these hold, else the result is EXISTS; NULL: none */
    struct freshness freshness;
    int64_t revision; /* of the store */
    /* GET of an origin group: what a request of HTTP says to caches; NULL: nothing. proto/http/caching_request.h */
    const struct http_caching_request *caching;
    enum request_stream stream;    /* GET of an origin group */
    const struct peer_stamp *peer; /* it comes from, or goes to, another node of the cluster; NULL: from a client */
    struct placed_value
        *placed; /* when not NULL: where the value already lies in the table's memory; see group/memory.h */
};

#endif
