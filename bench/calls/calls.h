/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CALLS_CALLS_H
#define BENCH_CALLS_CALLS_H

#include <stdbool.h>
#include <stddef.h>

/* A client library of memcached, as the load of main.c sees it. Each function says what is wrong on stderr and returns false. */

enum { KEY_ROOM = 32, KEYS_MAX = 1000 };

struct calls;

/* `servers` as HOST:PORT, separated by commas. */
struct calls *calls_open(const char *servers);
void calls_close(struct calls *c);

bool calls_set(struct calls *c, const char *key, size_t key_size, const char *value, size_t value_size);

/* The value has to be there and of that size. It is looked at, so that it has been received. */
bool calls_get(struct calls *c, const char *key, size_t key_size, size_t value_size);

/* The same for all of these keys, in one call of the library. */
bool calls_get_many(struct calls *c, const char *const *keys, const size_t *key_sizes, size_t count, size_t value_size);

#endif
