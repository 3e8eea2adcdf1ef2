/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "auth/internal.h"

/* A hash that no password is known of, for those who have none: it costs as much as a true one. */
#define NOBODYS_HASH "$2b$10$LarderNobodysSaltxxxu.Nobody/knows/a/password/of/this"

/* The password as the C string that crypt takes. */
static bool copy_password(struct slice password, char ret_text[AUTH_PASSWORD_MAX + 1]) {
    if (password.size > AUTH_PASSWORD_MAX) {
        return false;
    }
    if (password.size > 0) {
        memcpy(ret_text, password.data, password.size);
    }
    ret_text[password.size] = '\0';
    return strlen(ret_text) == password.size;
}

enum etcd_error auth_password_hash(struct slice password, char ret_hash[AUTH_HASH_MAX + 1]) {
    char text[AUTH_PASSWORD_MAX + 1];
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *work;
    const char *hash = NULL;
    enum etcd_error error = ETCD_ERROR_NO_MEMORY;

    if (!copy_password(password, text)) {
        return ETCD_ERROR_REQUEST_TOO_LARGE;
    }
    work = calloc(1, sizeof(*work));
    /* Without bytes of ours the salt's come from the operating system. */
    if (work != NULL && crypt_gensalt_rn("$2b$", AUTH_BCRYPT_COST, NULL, 0, setting, sizeof(setting)) != NULL) {
        hash = crypt_rn(text, setting, work, sizeof(*work));
    }
    if (hash != NULL && strlen(hash) <= AUTH_HASH_MAX) {
        memcpy(ret_hash, hash, strlen(hash) + 1);
        error = ETCD_OK;
    }
    if (work != NULL) {
        explicit_bzero(work, sizeof(*work));
    }
    explicit_bzero(text, sizeof(text));
    free(work);
    return error;
}

/* NULL: crypt cannot make anything of the hash. */
static const char *make(const char *text, const char *hash, struct crypt_data *work) {
    const char *made = crypt_rn(text, hash, work, sizeof(*work));

    return made != NULL && made[0] != '*' ? made : NULL;
}

static bool matches(const char *text, const char *hash, struct crypt_data *work) {
    const char *made = make(text, hash, work);

    if (made == NULL) {
        make(text, NOBODYS_HASH, work);
        return false;
    }
    return secret_equal(slice_from_string(made), slice_from_string(hash));
}

bool auth_password_verify(struct slice password, struct slice hash) {
    char text[AUTH_PASSWORD_MAX + 1];
    char known[AUTH_HASH_MAX + 1] = "";
    struct crypt_data *work = calloc(1, sizeof(*work));
    bool good = false;

    /* Only bcrypt's: what else crypt knows may take no time at all. */
    if (hash.size <= AUTH_HASH_MAX && slice_has_prefix(hash, SLICE("$2"))) {
        memcpy(known, hash.data, hash.size);
        known[hash.size] = '\0';
    }
    if (work != NULL && copy_password(password, text)) {
        good = matches(text, known, work);
    }
    if (work != NULL) {
        explicit_bzero(work, sizeof(*work));
    }
    explicit_bzero(text, sizeof(text));
    free(work);
    return good;
}
