/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ASYNC_H
#define LARDER_ASYNC_H

#include <larder/larder.h>

/* The cache client in somebody else's loop: nothing here waits, answers are told by calls.
 *
 * A `larder_async` is one connection to each server of a cache (larder_cache_new), for one thread. It shares with the cache what
 * is known of the servers, so one that is left out is left out for all. It has a descriptor to poll: whenever that can be read,
 * call larder_async_process, which receives, sends, looks after time-outs, and tells what has been answered. The descriptor
 * stays the same, and any poll, select, epoll or library of loops can wait for it. For libuv there is <larder/uv.h>.
 *
 *     struct pollfd one = {.fd = larder_async_fd(async), .events = POLLIN};
 *     larder_async_get(async, "greeting", 8, on_greeting, NULL);
 *     while (larder_async_pending(async) > 0) {
 *         poll(&one, 1, -1);
 *         larder_async_process(async);
 *     }
 *
 * What is asked for is sent at once, and what is asked for by a call from larder_async_process when that returns, in one go.
 * Any number of questions may be under way; those for one server are answered in their order.
 *
 * `fn` is told the answer once for each key, by a call from larder_async_process or larder_async_free and from nowhere else,
 * also of what could not be asked (a bad key, all servers dead). Within it everything here may be called but larder_async_free.
 * The answer is borrowed for the call. */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct larder_async;

/* The cache has to outlive it. Errors: NO_MEMORY, SYSTEM (no descriptor), FORKED. */
enum larder_status larder_async_new(struct larder_cache *cache, struct larder_async **ret_async);

/* Closes the connections. What is not answered yet is told CLOSED: a write may have been done or not. In a child of the process
 * that made it nothing is told. NULL is allowed. */
void larder_async_free(struct larder_async *async);

/* The descriptor to poll for reading. It belongs to the async. */
int larder_async_fd(const struct larder_async *async);

/* Never waits. A call for nothing does no harm. */
void larder_async_process(struct larder_async *async);

/* How many keys have not been answered. */
size_t larder_async_pending(const struct larder_async *async);

/* The questions. Each returns DONE (fn will be called), or NO_MEMORY, FORKED, or CLOSED while it is freed (it will not). Keys and values are copied. What is
 * answered to each is what larder.h says of the call of that name. */

enum larder_status larder_async_get(struct larder_async *async, const void *key, size_t key_size, larder_answer_fn *fn,
                                    void *ctx);
enum larder_status larder_async_gets(struct larder_async *async, const void *key, size_t key_size, larder_answer_fn *fn,
                                     void *ctx);
enum larder_status larder_async_gat(struct larder_async *async, const void *key, size_t key_size, int64_t expiry_s,
                                    larder_answer_fn *fn, void *ctx);

/* One round for each server. `index` is the place of the key. Errors also: TOO_LARGE (above LARDER_KEYS_MAX). */
enum larder_status larder_async_get_many(struct larder_async *async, const struct larder_key *keys, size_t count,
                                         larder_answer_fn *fn, void *ctx);

enum larder_status larder_async_set(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, larder_answer_fn *fn,
                                    void *ctx);
enum larder_status larder_async_add(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, larder_answer_fn *fn,
                                    void *ctx);
enum larder_status larder_async_replace(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                        size_t value_size, int64_t expiry_s, uint32_t flags, larder_answer_fn *fn,
                                        void *ctx);
enum larder_status larder_async_append(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                       size_t value_size, larder_answer_fn *fn, void *ctx);
enum larder_status larder_async_prepend(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                        size_t value_size, larder_answer_fn *fn, void *ctx);
enum larder_status larder_async_cas(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, uint64_t cas,
                                    larder_answer_fn *fn, void *ctx);
enum larder_status larder_async_delete(struct larder_async *async, const void *key, size_t key_size,
                                       larder_answer_fn *fn, void *ctx);
enum larder_status larder_async_incr(struct larder_async *async, const void *key, size_t key_size, uint64_t delta,
                                     larder_answer_fn *fn, void *ctx);
enum larder_status larder_async_decr(struct larder_async *async, const void *key, size_t key_size, uint64_t delta,
                                     larder_answer_fn *fn, void *ctx);
enum larder_status larder_async_touch(struct larder_async *async, const void *key, size_t key_size, int64_t expiry_s,
                                      larder_answer_fn *fn, void *ctx);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
