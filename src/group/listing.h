/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_LISTING_H
#define LARDER_GROUP_LISTING_H

#include "group/durable.h"

/* The keys of a store group, a page at a time. */
enum {
    LISTING_LIMIT_DEFAULT = 1000, /* keys of a page */
    LISTING_LIMIT_MAX = 10000,    /* a larger limit is cut to this */
    LISTING_BYTES_MAX = 8 << 20,  /* of the keys and values of a page; it has fewer of them then */
};

/* Slices are borrowed for the call. Keys are meant without the group's name and its '/'. */
struct listing_wish {
    struct slice prefix;
    struct slice after; /* only keys behind this one; data is NULL: all */
    int64_t revision;   /* as of which; 0: the newest */
    int64_t limit;      /* 0: the default */
    bool values;
    bool has_freshness; /* else the group's own counts */
    struct freshness freshness;
    struct trace_scope *scope; /* NULL: nobody follows it */
};

/* What was found; it lives until the reply is released. Keys are the store's, in their order. */
struct listing_page {
    const struct kv *kvs;
    size_t count;
    int64_t total; /* keys from here on, this page included */
    bool more;
};

/* Runs it. The reply is complete or RESULT_PENDING; its result is HIT, or COMPACTED, FUTURE_REVISION, TOO_MANY_REQUESTS,
 * NO_MEMORY, STORE_FAILED, TOO_OLD, STORE_DENIED; its revision is the one the page is of. */
void listing_run(const struct durable_access *a, const struct listing_wish *wish, struct reply *reply);

/* Of a reply whose result is HIT. */
void listing_page_of(const struct reply *reply, struct listing_page *ret_page);

#endif
