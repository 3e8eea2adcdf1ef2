/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_REPLY_H
#define LARDER_MODEL_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/slice.h"

/* How an operation ended; results.def. */
enum result {
#define RESULT(name, class) RESULT_##name,
#include "model/results.def"
#undef RESULT
    RESULT_COUNT,
    RESULT_PENDING, /* it has not ended yet; the reply is not complete */
};

/* What metrics make of it. */
enum result_class {
    RESULT_CLASS_OK,
    RESULT_CLASS_HIT,
    RESULT_CLASS_MISS,
    RESULT_CLASS_ABSENT,
    RESULT_CLASS_CONFLICT,
    RESULT_CLASS_ERROR,
    RESULT_CLASS_REFUSED,
    RESULT_CLASS_FAILED,
    RESULT_CLASS_UNKNOWN,
    RESULT_CLASS_COUNT
};

enum result_class result_class(enum result result);

/* "ok", "hit", ...; static. */
const char *result_class_label(enum result_class class);

enum { ITEM_TTL_FOREVER = -1 };

/* What is known of an entry at the moment of the reply. */
struct item {
    struct slice value; /* valid until the reply is released */
    struct blob *blob;  /* when not NULL the value lives in it: a reference keeps the value valid */
    uint32_t client_flags;
    uint32_t last_access; /* seconds since the entry was last asked for */
    uint64_t cas;
    int64_t ttl;        /* remaining seconds, ITEM_TTL_FOREVER for no end */
    int64_t ttl_before; /* the same before this request touched it */
    uint32_t head_size; /* origin groups: so many bytes of `value` are the head of an entry (origin/entry.h); else 0 */
    uint32_t footprint; /* bytes it takes in memory, overhead included */
    uint8_t queue;      /* of the eviction policy: 0 small, 1 main */
    bool binary_key;    /* its key was given in base64 and is shown so */
    bool unchanged;     /* its cas is the one that the request compared with: the caller has the value */
    bool fetched;       /* it was asked for before this request */
    bool stale;
    bool won;      /* this caller is to fill the entry anew */
    bool win_sent; /* another caller already won */
    bool created;  /* by a write that was done: the key was absent before */
};

/* Where an answer came from: as the field Cache-Status says it (RFC 9211, section 2). */
enum reply_source {
    REPLY_FROM_MEMORY,      /* of this node, and nobody was asked for anything */
    REPLY_PROVEN_ON_DEMAND, /* of this node, after the store had proven it: the request allowed no age at all */
    REPLY_PROVEN_STALE,     /* the same, because the last proof was too old for the request */
    REPLY_ASKED_ON_DEMAND,  /* the store was asked for it: the request allowed no age at all */
    REPLY_ASKED,            /* the same, because nothing usable was at hand */
    /* Of origin groups. */
    REPLY_ORIGIN_HIT,     /* what was stored, fresh or stale */
    REPLY_ORIGIN_MISS,    /* the origin was asked: nothing was stored */
    REPLY_ORIGIN_STALE,   /* the same: what was stored is stale */
    REPLY_ORIGIN_REQUEST, /* the same: the request wanted better than what is stored */
    REPLY_ORIGIN_BYPASS,  /* the same: answers for this key are not stored */
};

/* The answer to one request. What `item` points to stays valid until reply_release, which gives back what was held for
 * it (a shard's lock: so encode, release, and do nothing else in between). */
struct reply {
    enum result result;
    unsigned group; /* index of the key's group, for metrics */
    struct item item;
    uint64_t number;  /* INCR, DECR */
    int64_t revision; /* store groups: of the store, as of which this is the answer; of a write, its own */
    int64_t copy_ns;  /* to another node: it may keep a copy for so long from when it asked; 0: it may not */
    int64_t age_ns;   /* store groups: of a read: it may lack what was acknowledged in this time before */
    enum reply_source source;
    unsigned
        origin_status; /* origin groups: what the origin answered to whoever asked it for this; 0: nothing, or nobody did */
    bool collapsed;          /* likewise: it waited for what another request had asked */
    bool stored;             /* likewise: the answer is in the table now */
    size_t streamed;         /* likewise: of a body that was told bit by bit, how much of item.value's has been taken */
    struct pending *pending; /* RESULT_PENDING: what the complete reply comes from; see group/pending.h */
    void *held;
    void (*release)(void *held);
};

static inline void reply_release(struct reply *reply) {
    if (reply->release != NULL) {
        reply->release(reply->held);
        reply->release = NULL;
    }
}

#endif
