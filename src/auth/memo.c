/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/memo.h"

#include "auth/node.h"
#include "base/clock.h"
#include "base/random.h"

#define TTL_NS (AUTH_MEMO_TTL_S * CLOCK_NS_PER_S)

void memo_init(struct memo *m) {
    pthread_mutex_init(&m->lock, NULL);
    for (size_t i = 0; i < 2; i++) {
        m->keys[i] = (struct siphash_key){{random_os_seed(), random_os_seed()}};
    }
}

void memo_fini(struct memo *m) {
    pthread_mutex_destroy(&m->lock);
    explicit_bzero(m, sizeof(*m));
}

/* False: nobody is called so, or has such a password. */
static bool digest(const struct memo *m, struct slice user, struct slice password, uint64_t ret_digests[2]) {
    char text[AUTH_NAME_MAX + 1 + AUTH_PASSWORD_MAX];
    struct slice whole = slice_make(text, user.size + 1 + password.size);

    if (user.size == 0 || user.size > AUTH_NAME_MAX || password.size == 0 || password.size > AUTH_PASSWORD_MAX ||
        memchr(user.data, '\0', user.size) != NULL) {
        return false;
    }
    memcpy(text, user.data, user.size);
    text[user.size] = '\0'; /* so that it is clear where the name ends */
    memcpy(text + user.size + 1, password.data, password.size);
    ret_digests[0] = siphash(&m->keys[0], whole);
    ret_digests[1] = siphash(&m->keys[1], whole);
    explicit_bzero(text, sizeof(text));
    return true;
}

static bool is_free(const struct memo_entry *e, int64_t now_ns) {
    return e->known.identity.revision == 0 || now_ns - e->since_ns > TTL_NS;
}

bool auth_remembers(struct auth *a, struct slice user, struct slice password, int64_t now_ns,
                    struct auth_known *ret_known) {
    struct auth_known known = {0};
    uint64_t digests[2];

    if (!digest(&a->memo, user, password, digests)) {
        return false;
    }
    pthread_mutex_lock(&a->memo.lock);
    for (size_t i = 0; i < MEMO_WAYS; i++) {
        const struct memo_entry *e = &a->memo.entries[digests[0] % MEMO_SETS][i];

        if (!is_free(e, now_ns) && e->digests[0] == digests[0] && e->digests[1] == digests[1]) {
            known = e->known;
        }
    }
    pthread_mutex_unlock(&a->memo.lock);
    if (known.identity.revision == 0 || auth_renew(a, &known) != ETCD_OK) {
        return false;
    }
    *ret_known = known;
    return true;
}

/* Where a new one goes: in place of the same, else of a free one, else of the oldest. */
static struct memo_entry *place_of(struct memo_entry set[MEMO_WAYS], const uint64_t digests[2], int64_t now_ns) {
    struct memo_entry *place = &set[0];

    for (size_t i = 0; i < MEMO_WAYS; i++) {
        struct memo_entry *e = &set[i];

        if (e->digests[0] == digests[0] && e->digests[1] == digests[1]) {
            return e;
        }
        if (!is_free(place, now_ns) && (is_free(e, now_ns) || e->since_ns < place->since_ns)) {
            place = e;
        }
    }
    return place;
}

void auth_remember(struct auth *a, struct slice user, struct slice password, int64_t now_ns,
                   const struct auth_known *known) {
    uint64_t digests[2];

    if (!digest(&a->memo, user, password, digests)) {
        return;
    }
    pthread_mutex_lock(&a->memo.lock);
    *place_of(a->memo.entries[digests[0] % MEMO_SETS], digests, now_ns) =
        (struct memo_entry){.digests = {digests[0], digests[1]}, .since_ns = now_ns, .known = *known};
    pthread_mutex_unlock(&a->memo.lock);
}
