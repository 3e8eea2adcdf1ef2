/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NEAR_H
#define LARDER_NEAR_H

#include <larder/etcd.h>

/* A cache of an etcd cluster in this process that knows whether what it has is still true: it watches what it keeps, and it
 * proves by questions to the cluster how far it is (docs/ARCHITECTURE.md, "What is kept of a cluster"; it is the same machine
 * that larderd has). What it cannot prove it does not say.
 *
 * A read says how fresh its answer has to be:
 *   linearizable  it reflects every write that was acknowledged, anywhere, before the read began: one cheap question to the cluster
 *                 for all reads that come at about the same time, then memory
 *   max_stale     it reflects every write that was acknowledged longer ago than that
 *   cached        as max_stale of the cache's own limit; if that cannot be proven, what a member has at hand, however old
 * Whatever is said, own writes through this client are seen once they were answered, and of one key no later answer is older than
 * an earlier one. An answer of the last two kinds that is in memory makes no system call and waits for nobody.
 *
 * A cache is a client of etcd, with a thread of its own; all that etcd.h says of threads, fork, memory and errors holds. What
 * is kept is malloc's, and counted. */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum { LARDER_NEAR_PREFIXES_MAX = 1024 /* of one cache */ };

/* Zero stands for the default everywhere, so begin with all zeros and set `size`. */
struct larder_near_options {
    size_t size;                       /* sizeof(struct larder_near_options), as the program was compiled */
    const struct larder_key *prefixes; /* of keys to keep, none of which begins with another one; copied. All keys */
    size_t prefix_count;
    bool mirror; /* load all of them and keep them, so that lists are answered from memory too */
    bool
        watch_prefixes; /* watch these alone; else, where the cluster lets us, all keys: then each of its revisions is seen,
                              * and to prove how far we are costs least */
    size_t memory;      /* bytes for what may go when room is needed; 64 MiB */
    size_t mirror_memory;    /* bytes for what is mirrored; what does not fit is not; 1 GiB */
    unsigned stale_limit_ms; /* of `cached` reads; 5000 */
};

struct larder_near;

/* As larder_etcd_new; what is to be kept is asked for with the first call. TOO_LARGE: prefixes. INVALID: one begins with another. */
enum larder_status larder_near_new(const char *endpoints, const struct larder_etcd_options *etcd,
                                   const struct larder_near_options *options, struct larder_near **ret_near,
                                   char ret_message[LARDER_MESSAGE_MAX]);

/* As larder_etcd_free. */
void larder_near_free(struct larder_near *near);

/* The same as a client of etcd: its reads are linearizable and come from memory where that can be (a `serializable` range is a
 * cached one), its watches are fed by the cache's. It is the cache's, and not to be freed. */
struct larder_etcd *larder_near_etcd(struct larder_near *near);

enum larder_near_freshness { LARDER_NEAR_LINEARIZABLE, LARDER_NEAR_MAX_STALE, LARDER_NEAR_CACHED };

/* What came of a read. Begin with all zeros (LARDER_NEAR_VALUE_INIT), and use it as a result: for one read after another,
 * not for two threads at once. */
struct larder_near_value {
    enum larder_status status;
    bool from_memory;  /* it was answered from memory at once */
    const char *value; /* HIT; no NUL follows. Valid until the next use */
    size_t value_size;
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
    int64_t lease;
    int64_t revision; /* as of which the answer is */
    int64_t age_ns;   /* it may lack what was acknowledged in this time before it was given */
    char message[LARDER_MESSAGE_MAX];
    /* The library's own: */
    void *memory;
    struct larder_allocator allocator;
};

#ifdef __cplusplus
#define LARDER_NEAR_VALUE_INIT larder_near_value()
#else
#define LARDER_NEAR_VALUE_INIT ((struct larder_near_value){.status = LARDER_DONE})
#endif

void larder_near_value_free(struct larder_near_value *value);

/* HIT or MISS; both may be known in memory. `max_stale_ms` is of MAX_STALE alone, above 0. UNAVAILABLE, TIMEOUT: it could not be
 * proven in the time. Else the usual errors of a read. */
enum larder_status larder_near_get(struct larder_near *near, const void *key, size_t key_size,
                                   enum larder_near_freshness freshness, unsigned max_stale_ms,
                                   struct larder_near_value *value);

struct larder_near_figures {
    uint64_t memory_reads; /* answered from memory, by get and by the client */
    uint64_t asked_reads;  /* that asked the cluster for what was not known, or could not be proven */
    uint64_t rounds;       /* questions how far the cluster is */
    uint64_t keys;         /* kept, absent ones included */
    uint64_t bytes;        /* of them, all overhead counted */
    uint64_t evictions;
    uint64_t watch_losses;
    uint64_t differences; /* that a comparison with the cluster has found: there must be none */
};

/* Any thread. */
void larder_near_get_figures(struct larder_near *near, struct larder_near_figures *ret_figures);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
