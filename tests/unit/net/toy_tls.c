/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static const char *alpn = "h2";
static long serial;

void toy_directory_make(char ret_directory[TOY_PATH_MAX]) {
    strcpy(ret_directory, "/tmp/larder-tls-XXXXXX");
    assert_non_null(mkdtemp(ret_directory));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void toy_directory_remove(const char *directory) {
    assert_int_equal(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *toy_path(const char *directory, const char *name, char ret_path[TOY_PATH_MAX]) {
    assert_true(snprintf(ret_path, TOY_PATH_MAX, "%s/%s", directory, name) < TOY_PATH_MAX);
    return ret_path;
}

static void write_identity(const char *directory, const char *name, const struct toy_identity *identity) {
    char path[TOY_PATH_MAX];
    FILE *file;

    assert_true(snprintf(path, sizeof(path), "%s/%s.pem", directory, name) < TOY_PATH_MAX);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    fclose(file);
    assert_true(snprintf(path, sizeof(path), "%s/%s.key", directory, name) < TOY_PATH_MAX);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

static void extend(X509 *certificate, X509 *issuer, int kind, const char *value) {
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *begin_certificate(const char *name, EVP_PKEY *key, long from, long to) {
    X509 *certificate = X509_new();

    assert_non_null(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    return certificate;
}

void toy_authority(const char *directory, const char *name, struct toy_identity *ret_authority) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = begin_certificate(name, key, -3600, 3600);

    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)), 1);
    extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,digitalSignature");
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    *ret_authority = (struct toy_identity){.key = key, .certificate = certificate};
    write_identity(directory, name, ret_authority);
}

void toy_certificate(const char *directory, const char *name, const struct toy_identity *authority, const char *names,
                     long from, long to) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = begin_certificate(name, key, from, to);
    struct toy_identity identity = {.key = key, .certificate = certificate};

    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate)), 1);
    extend(certificate, authority->certificate, NID_ext_key_usage, "serverAuth,clientAuth");
    extend(certificate, authority->certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    write_identity(directory, name, &identity);
    toy_identity_free(&identity);
}

void toy_identity_free(struct toy_identity *identity) {
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

void toy_alpn(const char *protocol) {
    alpn = protocol;
}

static int select_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_size, const unsigned char *offered,
                       unsigned size, void *ctx) {
    (void)ssl;
    (void)ctx;
    if (alpn == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    assert_true(size == 3 && memcmp(offered, "\x02h2", 3) == 0);
    *ret_name = (const unsigned char *)alpn;
    *ret_size = (unsigned char)strlen(alpn);
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *toy_server_context(const char *directory, const char *name, const char *clients) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    char file[64];
    char path[TOY_PATH_MAX];

    assert_non_null(context);
    snprintf(file, sizeof(file), "%s.pem", name);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(context, toy_path(directory, file, path)), 1);
    snprintf(file, sizeof(file), "%s.key", name);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, toy_path(directory, file, path), SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
    if (clients != NULL) {
        assert_int_equal(SSL_CTX_load_verify_file(context, toy_path(directory, clients, path)), 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return context;
}

SSL *toy_server(SSL_CTX *context) {
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    assert_true(ssl != NULL && in != NULL && out != NULL);
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    return ssl;
}
