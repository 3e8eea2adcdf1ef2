/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_MEMO_H
#define LARDER_AUTH_MEMO_H

#include <pthread.h>

#include "auth/auth.h"
#include "base/siphash.h"

/* The logins that were right of late: AUTH_MEMO_MAX of them, in sets in which the oldest makes room. */
enum { MEMO_WAYS = 4, MEMO_SETS = AUTH_MEMO_MAX / MEMO_WAYS };

struct memo_entry {
    uint64_t digests[2]; /* of name and password, by a key each */
    int64_t since_ns;
    struct auth_known known; /* all zero: the entry is free */
};

struct memo {
    pthread_mutex_t lock;
    struct siphash_key keys[2];
    struct memo_entry entries[MEMO_SETS][MEMO_WAYS]; /* by `lock` */
};

void memo_init(struct memo *m);
void memo_fini(struct memo *m);

#endif
