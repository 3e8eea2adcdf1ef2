/* SPDX-License-Identifier: Apache-2.0 */
#include "peer/greeting.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdint.h>

#include "base/number.h"
#include "proto/memcached/token.h"

#define WORD_HELLO SLICE("larder_peer")
#define WORD_ANSWER SLICE("PEER")
#define WORD_PROOF SLICE("larder_proof")
#define WORD_DONE SLICE("OK")

enum {
    HEX = 2, /* digits of a byte */
    LABEL_MAX = 32,
    SIGNED_MAX = LABEL_MAX + 2 * GREETING_NONCE_SIZE + 3 + 2 * MEMBER_ID_MAX + CLUSTER_NAME_MAX,
};

static const char digits[] = "0123456789abcdef";

/* --- writing --- */

static char *put(char *at, struct slice s) {
    memcpy(at, s.data, s.size);
    return at + s.size;
}

static char *put_hex(char *at, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        *at++ = digits[(unsigned char)bytes[i] >> 4];
        *at++ = digits[(unsigned char)bytes[i] & 15];
    }
    return at;
}

/* A name as a token: what could not stand there, and the '%' itself, as '%' and two hexadecimal digits. */
static char *put_name(char *at, struct slice name) {
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];

        if (c > ' ' && c < 0x7f && c != '%') {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            at = put_hex(at, &name.data[i], 1);
        }
    }
    return at;
}

static size_t end_line(const char *line, char *at) {
    at = put(at, SLICE("\r\n"));
    assert(at - line <= GREETING_LINE_MAX);
    return (size_t)(at - line);
}

/* --- reading --- */

static int digit_of(char c) {
    const char *found = c == '\0' ? NULL : strchr(digits, c);

    return found != NULL ? (int)(found - digits) : -1;
}

static bool read_byte(struct slice text, char *ret_byte) {
    int high = text.size >= HEX ? digit_of(text.data[0]) : -1;
    int low = high >= 0 ? digit_of(text.data[1]) : -1;

    if (low >= 0) {
        *ret_byte = (char)(high << 4 | low);
    }
    return low >= 0;
}

static bool take_hex(struct slice *rest, char *bytes, size_t size) {
    struct slice token;

    if (!token_next(rest, &token) || token.size != size * HEX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!read_byte(slice_skip(token, i * HEX), &bytes[i])) {
            return false;
        }
    }
    return true;
}

static bool take_name(struct slice *rest, char *name, size_t max, size_t *ret_size) {
    struct slice token;
    size_t size = 0;

    if (!token_next(rest, &token)) {
        return false;
    }
    while (token.size > 0) {
        bool escaped = token.data[0] == '%';

        if (size == max || (escaped && !read_byte(slice_skip(token, 1), &name[size]))) {
            return false;
        }
        if (!escaped) {
            name[size] = token.data[0];
        }
        size++;
        token = slice_skip(token, escaped ? 1 + HEX : 1);
    }
    *ret_size = size;
    return true;
}

static bool take_word(struct slice *rest, struct slice word) {
    struct slice token;

    return token_next(rest, &token) && slice_equal(token, word);
}

static bool is_end(struct slice rest) {
    struct slice token;

    return !token_next(&rest, &token);
}

/* --- the proofs --- */

/* What both sides know of a greeting. */
struct facts {
    const struct greeting_identity *self;
    struct slice greeter;
    struct slice greeted;
    const char *greeter_nonce;
    const char *greeted_nonce;
};

#define GREETER_LABEL SLICE("larder peer 1: greeter")
#define GREETED_LABEL SLICE("larder peer 1: greeted")

/* A name with its size before it, so that two names are never taken for other two. */
static char *put_sized(char *at, struct slice name) {
    *at++ = (char)(unsigned char)name.size;
    return put(at, name);
}

static void prove(const struct facts *f, struct slice label, char ret_proof[GREETING_PROOF_SIZE]) {
    unsigned char proof[GREETING_PROOF_SIZE];
    unsigned char text[SIGNED_MAX];
    unsigned size = sizeof(proof);
    char *at = (char *)text;
    const unsigned char *made;

    at = put(at, label);
    at = put(at, slice_make(f->greeter_nonce, GREETING_NONCE_SIZE));
    at = put(at, slice_make(f->greeted_nonce, GREETING_NONCE_SIZE));
    at = put_sized(at, f->self->cluster);
    at = put_sized(at, f->greeter);
    at = put_sized(at, f->greeted);
    made = HMAC(EVP_sha256(), f->self->token.size > 0 ? f->self->token.data : "", (int)f->self->token.size, text,
                (size_t)(at - (char *)text), proof, &size);
    /* Without memory: a proof that proves nothing, made of what nobody else has seen. */
    if (made == NULL) {
        memset(proof, 0, sizeof(proof));
    }
    memcpy(ret_proof, proof, sizeof(proof));
}

static bool is_proven(const struct facts *f, struct slice label, const char proof[GREETING_PROOF_SIZE]) {
    static const char nothing[GREETING_PROOF_SIZE];
    char expected[GREETING_PROOF_SIZE];

    prove(f, label, expected);
    return CRYPTO_memcmp(expected, proof, GREETING_PROOF_SIZE) == 0 &&
           CRYPTO_memcmp(expected, nothing, GREETING_PROOF_SIZE) != 0;
}

static void check_identity(const struct greeting_identity *self) {
    assert(self->id.size > 0 && self->id.size <= MEMBER_ID_MAX);
    assert(self->cluster.size > 0 && self->cluster.size <= CLUSTER_NAME_MAX);
    assert(self->token.size <= GREETING_TOKEN_MAX);
}

/* --- who greets --- */

size_t greeter_begin(struct greeter *g, const struct greeting_identity *self, struct slice expected,
                     const char nonce[GREETING_NONCE_SIZE], char *line) {
    char *at = line;

    check_identity(self);
    *g = (struct greeter){.self = self, .expected = expected, .step = GREETING_HELLO};
    memcpy(g->nonce, nonce, GREETING_NONCE_SIZE);
    at = put(at, WORD_HELLO);
    *at++ = ' ';
    at += number_format_u64(GREETING_VERSION, at);
    *at++ = ' ';
    at = put_name(at, self->cluster);
    *at++ = ' ';
    at = put_name(at, self->id);
    *at++ = ' ';
    at = put_hex(at, nonce, GREETING_NONCE_SIZE);
    return end_line(line, at);
}

/* The answer to our hello; proves that they are who they say, and has our proof written. */
static enum larder_error hear_answer(struct greeter *g, struct slice heard, char *line, size_t *ret_size) {
    char nonce[GREETING_NONCE_SIZE];
    char proof[GREETING_PROOF_SIZE];
    char id[MEMBER_ID_MAX];
    size_t id_size;
    struct facts facts;
    char *at = line;

    if (!take_word(&heard, WORD_ANSWER) || !take_name(&heard, id, sizeof(id), &id_size) ||
        !take_hex(&heard, nonce, sizeof(nonce)) || !take_hex(&heard, proof, sizeof(proof)) || !is_end(heard)) {
        return LARDER_ERROR_PROTOCOL;
    }
    facts = (struct facts){
        .self = g->self,
        .greeter = g->self->id,
        .greeted = slice_make(id, id_size),
        .greeter_nonce = g->nonce,
        .greeted_nonce = nonce,
    };
    if ((g->expected.size > 0 && !slice_equal(facts.greeted, g->expected)) ||
        !is_proven(&facts, GREETED_LABEL, proof)) {
        return LARDER_ERROR_REFUSED;
    }
    prove(&facts, GREETER_LABEL, proof);
    at = put(at, WORD_PROOF);
    *at++ = ' ';
    at = put_hex(at, proof, sizeof(proof));
    *ret_size = end_line(line, at);
    g->step = GREETING_PROOF;
    return LARDER_OK;
}

enum larder_error greeter_hear(struct greeter *g, struct slice heard, char *line, size_t *ret_size, bool *ret_done) {
    assert(g->step != GREETING_OVER);
    *ret_size = 0;
    *ret_done = false;
    if (slice_has_prefix(heard, SLICE("CLIENT_ERROR")) || slice_has_prefix(heard, SLICE("SERVER_ERROR")) ||
        slice_has_prefix(heard, SLICE("ERROR"))) {
        return LARDER_ERROR_REFUSED;
    }
    if (g->step == GREETING_HELLO) {
        return hear_answer(g, heard, line, ret_size);
    }
    if (!slice_equal(heard, WORD_DONE)) {
        return LARDER_ERROR_PROTOCOL;
    }
    g->step = GREETING_OVER;
    *ret_done = true;
    return LARDER_OK;
}

/* --- who is greeted --- */

bool greeting_is(struct slice line) {
    return take_word(&line, WORD_HELLO);
}

static enum larder_error refuse(enum larder_error error, struct slice why, char *line, size_t *ret_size) {
    *ret_size = end_line(line, put(put(line, SLICE("CLIENT_ERROR ")), why));
    return error;
}

static struct facts facts_of(const struct greeted *g, const struct greeting_identity *self) {
    return (struct facts){
        .self = self,
        .greeter = slice_make(g->their_id, g->their_id_size),
        .greeted = self->id,
        .greeter_nonce = g->their_nonce,
        .greeted_nonce = g->nonce,
    };
}

static size_t answer_hello(const struct greeted *g, const struct greeting_identity *self, char *line) {
    const struct facts facts = facts_of(g, self);
    char proof[GREETING_PROOF_SIZE];
    char *at = line;

    prove(&facts, GREETED_LABEL, proof);
    at = put(at, WORD_ANSWER);
    *at++ = ' ';
    at = put_name(at, self->id);
    *at++ = ' ';
    at = put_hex(at, g->nonce, sizeof(g->nonce));
    *at++ = ' ';
    at = put_hex(at, proof, sizeof(proof));
    return end_line(line, at);
}

static enum larder_error hear_hello(struct greeted *g, const struct greeting_identity *self, struct slice heard,
                                    char *line, size_t *ret_size) {
    char cluster[CLUSTER_NAME_MAX];
    size_t cluster_size;
    struct slice version;
    uint64_t number;

    if (!take_word(&heard, WORD_HELLO) || !token_next(&heard, &version) || !number_parse_u64(version, &number)) {
        return refuse(LARDER_ERROR_PROTOCOL, SLICE("this is no greeting"), line, ret_size);
    }
    if (number != GREETING_VERSION) {
        return refuse(LARDER_ERROR_REFUSED, SLICE("this node speaks version 1 of the greeting"), line, ret_size);
    }
    if (!take_name(&heard, cluster, sizeof(cluster), &cluster_size) ||
        !take_name(&heard, g->their_id, sizeof(g->their_id), &g->their_id_size) ||
        !take_hex(&heard, g->their_nonce, sizeof(g->their_nonce)) || !is_end(heard)) {
        return refuse(LARDER_ERROR_PROTOCOL, SLICE("this is no greeting"), line, ret_size);
    }
    if (!slice_equal(slice_make(cluster, cluster_size), self->cluster)) {
        return refuse(LARDER_ERROR_REFUSED, SLICE("this node is in another cluster"), line, ret_size);
    }
    if (slice_equal(slice_make(g->their_id, g->their_id_size), self->id)) {
        return refuse(LARDER_ERROR_REFUSED, SLICE("this node has the same id"), line, ret_size);
    }
    *ret_size = answer_hello(g, self, line);
    g->step = GREETING_PROOF;
    return LARDER_OK;
}

static enum larder_error hear_proof(struct greeted *g, const struct greeting_identity *self, struct slice heard,
                                    char *line, size_t *ret_size) {
    const struct facts facts = facts_of(g, self);
    char proof[GREETING_PROOF_SIZE];

    if (!take_word(&heard, WORD_PROOF) || !take_hex(&heard, proof, sizeof(proof)) || !is_end(heard)) {
        return refuse(LARDER_ERROR_PROTOCOL, SLICE("this is no greeting"), line, ret_size);
    }
    if (!is_proven(&facts, GREETER_LABEL, proof)) {
        return refuse(LARDER_ERROR_REFUSED, SLICE("the tokens of the cluster differ"), line, ret_size);
    }
    *ret_size = end_line(line, put(line, WORD_DONE));
    g->step = GREETING_OVER;
    return LARDER_OK;
}

enum larder_error greeted_hear(struct greeted *g, const struct greeting_identity *self,
                               const char nonce[GREETING_NONCE_SIZE], struct slice heard, char *line, size_t *ret_size,
                               bool *ret_done) {
    enum larder_error error;

    assert(g->step != GREETING_OVER);
    check_identity(self);
    *ret_done = false;
    if (g->step == GREETING_PROOF) {
        error = hear_proof(g, self, heard, line, ret_size);
        *ret_done = error == LARDER_OK;
        return error;
    }
    memcpy(g->nonce, nonce, GREETING_NONCE_SIZE);
    return hear_hello(g, self, heard, line, ret_size);
}
