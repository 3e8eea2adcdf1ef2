/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LARDER_H
#define LARDER_LARDER_H

#include <stddef.h>
#include <stdint.h>

/* liblarder: caching through one or many memcached servers (memcached since 1.4, larderd, whatever speaks the classic text
 * protocol: doc/protocol.txt of memcached). Link with `pkg-config --cflags --libs larder`.
 *
 * A `larder_cache` is a client of some servers. Any number of threads may call it at once: each call takes a set of
 * connections from a pool, works on it in the calling thread, and puts it back; there are no threads of the library's own.
 *
 * A key belongs to one server by the ring that larderd's nodes go by (docs/RING.md): XXH3 of the key, 262,144 slots, the
 * highest score of the servers' names in a slot. A server's name is the text it was given as, such as
 * "10.0.0.7:11211", so all programs that share servers have to name them alike; their order means nothing.
 *
 * A server that fails is left out for a while, and its keys belong to what the ring says without it. After any timeout, half
 * an answer, or an answer that fits no question, the connection is closed and never used again.
 *
 * The library has no global state, installs no signal handler and raises no SIGPIPE. What was made before a fork must not
 * be used by the child: there calls answer LARDER_ERR_FORKED, and only the functions that free may be called, which leave the
 * parent's connections alone. */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum {
    LARDER_KEY_MAX = 250,      /* bytes of a key; it has no blanks and no control characters */
    LARDER_SERVERS_MAX = 1024, /* of one cache */
    LARDER_KEYS_MAX = 65536,   /* of one call for many keys */
    LARDER_BATCH_MAX = 65536,  /* writes of one batch */
    LARDER_POOL_MAX = 1024,    /* sets of connections of one cache */
    LARDER_MESSAGE_MAX = 160,  /* bytes of a message, its NUL included */
};

/* What became of a call. Answers are 0 and more, errors are negative. Numbers never change; new ones may come. */
enum larder_status {
    LARDER_DONE = 0,       /* flush, stats, version, and calls for many keys */
    LARDER_HIT = 1,        /* get, gets, gat: the value is there */
    LARDER_MISS = 2,       /* get, gets, gat: it is not */
    LARDER_STORED = 3,     /* a value was written */
    LARDER_NOT_STORED = 4, /* add: the key was there; replace, append, prepend: it was not */
    LARDER_EXISTS = 5,     /* cas: the value has changed since */
    LARDER_NOT_FOUND = 6,  /* cas, delete, incr, decr, touch: no such key */
    LARDER_DELETED = 7,
    LARDER_TOUCHED = 8,
    LARDER_COUNTED = 9,  /* incr, decr: the number is the new one */
    LARDER_NOTHING = 10, /* etcd.h, to wait for something: nothing came in the time */
    LARDER_TAKEN = 11,   /* etcd.h, lock and campaign: somebody else still has it */

    LARDER_ERR_NO_MEMORY = -1,
    LARDER_ERR_INVALID = -2, /* an argument: nothing was sent */
    LARDER_ERR_KEY = -3, /* empty, longer than LARDER_KEY_MAX, or with a blank or control character: nothing was sent */
    LARDER_ERR_TOO_LARGE = -4,   /* a value above value_max, or too many of something */
    LARDER_ERR_TOO_SMALL = -5,   /* the caller's buffer; value_size is what it takes */
    LARDER_ERR_UNRESOLVED = -6,  /* a server's name could not be looked up */
    LARDER_ERR_UNREACHABLE = -7, /* a connection could not be made */
    LARDER_ERR_CLOSED = -8,      /* the connection broke: a write may have been done or not */
    LARDER_ERR_TIMEOUT = -9,     /* to connect, to send, to receive: a write may have been done or not */
    LARDER_ERR_PROTOCOL = -10,   /* the answer fits no question: a write may have been done or not */
    LARDER_ERR_SERVER = -11,     /* the server refused; the message has its words */
    LARDER_ERR_DEAD = -12,       /* the key's server is left out, and LARDER_DEAD_FAIL was asked for */
    LARDER_ERR_ALL_DEAD = -13,   /* all servers are left out */
    LARDER_ERR_BUSY = -14,       /* no set of connections became free in time */
    LARDER_ERR_FORKED = -15,     /* made by the parent of this process */
    LARDER_ERR_SYSTEM = -17,     /* the kernel refused a descriptor, a thread or the like */
    /* Of etcd.h and near.h, where all but UNKNOWN promise that nothing was changed: */
    LARDER_ERR_UNAVAILABLE = -18,     /* no member of the cluster could be reached, or would do it, in the time */
    LARDER_ERR_UNKNOWN = -19,         /* the answer was lost: a write may have been done or not */
    LARDER_ERR_DENIED = -20,          /* the cluster refuses the user, or what the user asks */
    LARDER_ERR_COMPACTED = -21,       /* what was asked for has been compacted */
    LARDER_ERR_FUTURE_REVISION = -22, /* the store has not come so far */
    LARDER_ERR_NO_LEASE = -23,        /* there is no such lease */
    LARDER_ERR_LEASE_EXISTS = -24,    /* there is one of that number */
    LARDER_ERR_NO_SPACE = -25,        /* the store is full */
    LARDER_ERR_LOST = -26,            /* the lease, and what hung on it, is gone */
    LARDER_ERR_ENDED = -27,           /* the watch has ended, or the client is being freed */
};

/* A text for people, static, never NULL, for any number. */
const char *larder_strerror(enum larder_status status);

/* The version of the library, such as "0.1.0"; static. */
const char *larder_version(void);

/* Memory comes from here. Either all three functions are given or none (then malloc, realloc and free). They are called by
 * any thread that calls the library. `reallocate` gets NULL for new memory. */
struct larder_allocator {
    void *(*allocate)(void *ctx, size_t size);
    void *(*reallocate)(void *ctx, void *memory, size_t size);
    void (*release)(void *ctx, void *memory); /* NULL is never given */
    void *ctx;
};

enum larder_log_level { LARDER_LOG_INFO, LARDER_LOG_WARNING };

/* Told of servers that are left out, tried again and back. `message` is one line, valid during the call. Called by whatever
 * thread noticed, within its call; it must not call the cache. */
typedef void larder_log_fn(void *ctx, enum larder_log_level level, const char *message);

/* Whose are the keys of a server that is left out? */
enum larder_dead_servers {
    LARDER_DEAD_TO_NEXT = 0, /* those of the next server on the ring */
    LARDER_DEAD_FAIL = 1,    /* nobody's: LARDER_ERR_DEAD until it is back */
};

struct larder_tracer;

/* Zero stands for the default everywhere, so begin with all zeros and set `size`. */
struct larder_cache_options {
    size_t size;                   /* sizeof(struct larder_cache_options), as the program was compiled */
    unsigned connect_timeout_ms;   /* until a connection stands, all addresses of a name included; 1000 */
    unsigned send_timeout_ms;      /* without a byte that the server takes; 1000 */
    unsigned receive_timeout_ms;   /* from the question, or the answer before, to a whole answer; 1000 */
    unsigned wait_timeout_ms;      /* for a set of connections, when pool_max are in use; 1000 */
    unsigned pool_max;             /* sets of connections, at most LARDER_POOL_MAX; 16 */
    unsigned failures_max;         /* in a row, after which a server is left out; 2 */
    unsigned cooldown_ms;          /* for how long at first; each failed trial doubles it; 1000 */
    unsigned cooldown_max_ms;      /* up to this; 30000 */
    enum larder_dead_servers dead; /* LARDER_DEAD_TO_NEXT */
    size_t value_max;              /* bytes of a value, either way; 128 MiB */
    struct larder_allocator allocator;
    larder_log_fn *log; /* none */
    void *log_ctx;
    struct larder_tracer *tracer; /* larder/trace.h: told of each call; it outlives the cache; none */
};

struct larder_cache;

/* A client of these servers: `servers` has their names, divided by commas or blanks: HOST:PORT, [IPv6]:PORT, unix:PATH.
 * Names are looked up here, once, which blocks; no connection is made yet. `options` may be NULL. The caller frees the cache.
 * If ret_message is not NULL, it says what was wrong. Errors: INVALID, TOO_LARGE (servers), UNRESOLVED, NO_MEMORY, SYSTEM. */
enum larder_status larder_cache_new(const char *servers, const struct larder_cache_options *options,
                                    struct larder_cache **ret_cache, char ret_message[LARDER_MESSAGE_MAX]);

/* Closes the connections. No call may be under way, and the cache's batches have to be freed before. NULL is
 * allowed. */
void larder_cache_free(struct larder_cache *cache);

/* The place, by the order in which the servers were given, of the one that a key belongs to while all are alive; -1 for a bad key. */
int larder_cache_server_of(const struct larder_cache *cache, const void *key, size_t key_size);

/* What came of a call for one key. Begin with all zeros (LARDER_RESULT_INIT); it can be used for one call after another,
 * which overwrite it and use its memory again; larder_result_free ends that. Not for two threads at once. */
struct larder_result {
    enum larder_status status;
    uint32_t flags;  /* HIT: the number that was stored along */
    uint64_t cas;    /* HIT of gets and gat: for larder_cache_cas */
    uint64_t number; /* COUNTED */
    const char
        *value; /* HIT; version: the text. A NUL follows that is not counted. Valid until the result's next use */
    size_t value_size;
    char message[LARDER_MESSAGE_MAX]; /* errors: server and reason; else empty */
    /* The library's own: */
    void *memory;
    size_t capacity;
    struct larder_allocator allocator;
};

#ifdef __cplusplus
#define LARDER_RESULT_INIT larder_result()
#else
#define LARDER_RESULT_INIT ((struct larder_result){.status = LARDER_DONE})
#endif

/* Frees what it holds; it is then as new. It may outlive the cache, but not the allocator. */
void larder_result_free(struct larder_result *result);

/* Reading. Each returns result->status: HIT, MISS, or an error. A read whose connection breaks is asked once more elsewhere. */

enum larder_status larder_cache_get(struct larder_cache *cache, const void *key, size_t key_size,
                                    struct larder_result *result);

/* With the cas number. */
enum larder_status larder_cache_gets(struct larder_cache *cache, const void *key, size_t key_size,
                                     struct larder_result *result);

/* With the cas number, and with a new time to live. */
enum larder_status larder_cache_gat(struct larder_cache *cache, const void *key, size_t key_size, int64_t expiry_s,
                                    struct larder_result *result);

/* Into the caller's memory, without an allocation for the value: result->value is then `buffer`, and no NUL follows. A value
 * that does not fit is TOO_SMALL; value_size says how large it is. */
enum larder_status larder_cache_get_into(struct larder_cache *cache, const void *key, size_t key_size, void *buffer,
                                         size_t capacity, struct larder_result *result);

struct larder_key {
    const void *data;
    size_t size;
};

/* All servers are asked at once, each once. results[i] is that of keys[i]. DONE if each key is a HIT or a MISS, otherwise the
 * error of one of those that failed; the others are right nevertheless. */
enum larder_status larder_cache_get_many(struct larder_cache *cache, const struct larder_key *keys, size_t count,
                                         struct larder_result *results);

/* One answer, borrowed: valid during the call that tells of it. */
struct larder_answer {
    enum larder_status status;
    uint32_t flags;
    uint64_t cas;
    uint64_t number;
    const char *value; /* no NUL follows */
    size_t value_size;
    const char *message; /* errors; else "" */
    const char *server;  /* who answered, or was asked; "" if nobody */
    const char *name;    /* stats: of one number, whose text is the value; else NULL */
};

/* `index` is the place of the key, or of the write in the batch; 0 if there is only one. */
typedef void larder_answer_fn(void *ctx, size_t index, const struct larder_answer *answer);

/* The same as get_many without copies: each answer is told as it comes, in this thread, within this call. `fn` must not call
 * the cache for the same purpose without end: it holds a set of connections. Returns as get_many. */
enum larder_status larder_cache_get_each(struct larder_cache *cache, const struct larder_key *keys, size_t count,
                                         larder_answer_fn *fn, void *ctx);

/* Writing. `expiry_s` is seconds from now, 0 for ever, negative for at once. `result` may be NULL; with it comes the message
 * of an error. All return the status. A write is never sent twice. */

/* STORED */
enum larder_status larder_cache_set(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, struct larder_result *result);

/* STORED or NOT_STORED */
enum larder_status larder_cache_add(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, struct larder_result *result);

/* STORED or NOT_STORED */
enum larder_status larder_cache_replace(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                        size_t value_size, int64_t expiry_s, uint32_t flags,
                                        struct larder_result *result);

/* STORED or NOT_STORED; the time to live and the flags stay what they are. */
enum larder_status larder_cache_append(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                       size_t value_size, struct larder_result *result);

/* As append, before the value. */
enum larder_status larder_cache_prepend(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                        size_t value_size, struct larder_result *result);

/* STORED, EXISTS or NOT_FOUND. `cas` comes from gets or gat. */
enum larder_status larder_cache_cas(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, uint64_t cas,
                                    struct larder_result *result);

/* DELETED or NOT_FOUND */
enum larder_status larder_cache_delete(struct larder_cache *cache, const void *key, size_t key_size,
                                       struct larder_result *result);

/* COUNTED (result->number) or NOT_FOUND; a value that is no number is refused: SERVER. */
enum larder_status larder_cache_incr(struct larder_cache *cache, const void *key, size_t key_size, uint64_t delta,
                                     struct larder_result *result);

/* As incr; never below 0. */
enum larder_status larder_cache_decr(struct larder_cache *cache, const void *key, size_t key_size, uint64_t delta,
                                     struct larder_result *result);

/* TOUCHED or NOT_FOUND */
enum larder_status larder_cache_touch(struct larder_cache *cache, const void *key, size_t key_size, int64_t expiry_s,
                                      struct larder_result *result);

/* All servers at once, those that are left out too. */

/* Drops everything, `delay_s` seconds from now. DONE, or the error of one of the servers. */
enum larder_status larder_cache_flush(struct larder_cache *cache, int64_t delay_s, struct larder_result *result);

/* `fn` is told each number of each server (index: the server's place), then of each server that it was all (name NULL, DONE),
 * or the error. Returns as flush. */
enum larder_status larder_cache_stats(struct larder_cache *cache, larder_answer_fn *fn, void *ctx);

/* `fn` is told the version of each server as a value. Returns as flush. */
enum larder_status larder_cache_versions(struct larder_cache *cache, larder_answer_fn *fn, void *ctx);

/* Many writes in one round: collected without asking anybody, then sent to all servers at once. It belongs to one thread. */
struct larder_batch;

/* Errors: NO_MEMORY. */
enum larder_status larder_batch_new(struct larder_cache *cache, struct larder_batch **ret_batch);

/* NULL is allowed. */
void larder_batch_free(struct larder_batch *batch);

/* Keys and values are copied. DONE, or KEY, TOO_LARGE, NO_MEMORY: then the batch is as before. */
enum larder_status larder_batch_set(struct larder_batch *batch, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags);
enum larder_status larder_batch_add(struct larder_batch *batch, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags);
enum larder_status larder_batch_touch(struct larder_batch *batch, const void *key, size_t key_size, int64_t expiry_s);
enum larder_status larder_batch_delete(struct larder_batch *batch, const void *key, size_t key_size);

/* Sends all and waits (if no connections are to be had, BUSY or FORKED: then the batch stays as it is). Only what failed is told (`fn` may be NULL): an error, NOT_STORED, or NOT_FOUND of a touch; that a key
 * to be deleted was not there is no failure. `index` is the place in the batch, which is empty afterwards. DONE if nothing
 * failed, otherwise the status of one that did. */
enum larder_status larder_batch_run(struct larder_batch *batch, larder_answer_fn *fn, void *ctx);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
