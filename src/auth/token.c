/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "auth/internal.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"

enum {
    BUCKETS = 16384,  /* a power of two */
    SECRET_SIZE = 16, /* random bytes of a token; two letters each */
};

#define TTL_NS (AUTH_TOKEN_TTL_S * CLOCK_NS_PER_S)
#define SWEEP_NS CLOCK_NS_PER_S /* at most so often */

void tokens_init(struct tokens *t) {
    *t = (struct tokens){.seed = random_os_seed()};
}

void tokens_clear(struct tokens *t) {
    for (size_t i = 0; t->count > 0; i++) {
        while (t->buckets[i] != NULL) {
            struct token *token = t->buckets[i];

            t->buckets[i] = token->next;
            free(token);
            t->count--;
        }
    }
}

void tokens_fini(struct tokens *t) {
    tokens_clear(t);
    free(t->buckets);
    t->buckets = NULL;
}

static bool is_past(const struct token *token, int64_t now_ns) {
    return now_ns - atomic_load_explicit(&token->used_ns, memory_order_relaxed) > TTL_NS;
}

bool tokens_find(const struct tokens *t, struct slice text, int64_t now_ns, size_t *ret_user) {
    uint64_t hash = hash_key(text, t->seed);
    struct token *token = t->buckets != NULL ? t->buckets[hash % BUCKETS] : NULL;

    while (token != NULL && !(token->hash == hash && secret_equal(slice_make(token->text, token->size), text))) {
        token = token->next;
    }
    if (token == NULL || is_past(token, now_ns)) {
        return false;
    }
    atomic_store_explicit(&token->used_ns, now_ns, memory_order_relaxed);
    *ret_user = token->user;
    return true;
}

/* --- ending --- */

/* Ends the token at `place`, which then is that of the next one. */
static void end(struct tokens *t, struct token **place) {
    struct token *token = *place;

    *place = token->next;
    free(token);
    t->count--;
}

static void sweep(struct tokens *t, int64_t now_ns) {
    if (now_ns - t->swept_ns < SWEEP_NS) {
        return;
    }
    t->swept_ns = now_ns;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct token **place = &t->buckets[i];

        while (*place != NULL) {
            if (is_past(*place, now_ns)) {
                end(t, place);
            } else {
                place = &(*place)->next;
            }
        }
    }
}

/* There is at least one. */
static void end_oldest(struct tokens *t) {
    struct token **oldest = NULL;
    int64_t oldest_ns = INT64_MAX;

    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct token **place = &t->buckets[i]; *place != NULL; place = &(*place)->next) {
            int64_t used_ns = atomic_load_explicit(&(*place)->used_ns, memory_order_relaxed);

            if (oldest == NULL || used_ns < oldest_ns) {
                oldest = place;
                oldest_ns = used_ns;
            }
        }
    }
    end(t, oldest);
}

void tokens_carry(struct tokens *t, const struct auth_state *from, const struct auth_state *to) {
    for (size_t i = 0; t->count > 0 && i < BUCKETS; i++) {
        struct token **place = &t->buckets[i];

        while (*place != NULL) {
            const struct auth_user *before = &from->users[(*place)->user];
            const struct auth_user *user = auth_state_user(to, before->name);

            if (user != NULL && user->id == before->id && slice_equal(user->hash, before->hash)) {
                (*place)->user = (size_t)(user - to->users);
                place = &(*place)->next;
            } else {
                end(t, place);
            }
        }
    }
}

/* --- a new one --- */

/* Two letters for each random byte, as a token is a word of a header. */
static bool draw(char ret_letters[2 * SECRET_SIZE]) {
    unsigned char bytes[SECRET_SIZE];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return false;
    }
    for (size_t i = 0; i < SECRET_SIZE; i++) {
        ret_letters[2 * i] = (char)('a' + (bytes[i] >> 4));
        ret_letters[2 * i + 1] = (char)('a' + (bytes[i] & 15));
    }
    return true;
}

static struct token *make(struct tokens *t, size_t user, int64_t now_ns) {
    struct token *token = malloc(sizeof(*token));
    char letters[2 * SECRET_SIZE];

    if (token == NULL || !draw(letters)) {
        free(token);
        return NULL;
    }
    token->size =
        (size_t)snprintf(token->text, sizeof(token->text), "%.*s.%" PRIu64, 2 * SECRET_SIZE, letters, ++t->issued);
    token->hash = hash_key(slice_make(token->text, token->size), t->seed);
    token->user = user;
    atomic_init(&token->used_ns, now_ns);
    return token;
}

bool tokens_add(struct tokens *t, size_t user, int64_t now_ns, char ret_text[AUTH_TOKEN_SIZE]) {
    struct token *token;

    if (t->buckets == NULL) {
        t->buckets = calloc(BUCKETS, sizeof(t->buckets[0]));
    }
    token = t->buckets != NULL ? make(t, user, now_ns) : NULL;
    if (token == NULL) {
        return false;
    }
    sweep(t, now_ns);
    if (t->count >= AUTH_TOKENS_MAX) {
        end_oldest(t);
    }
    token->next = t->buckets[token->hash % BUCKETS];
    t->buckets[token->hash % BUCKETS] = token;
    t->count++;
    memcpy(ret_text, token->text, token->size + 1);
    return true;
}
