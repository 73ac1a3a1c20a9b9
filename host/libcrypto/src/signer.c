/* SPDX-License-Identifier: AGPL-3.0-only */
/* Private keys of every kind and form that libcrypto reads, as signers of credentials. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "libcrypto.h"

const char *libcrypto_hash_name(unsigned hash)
{
    switch (hash) { /* HashAlgorithm of TLS 1.2 (RFC 5246 §7.4.1.4.1), still in code points */
    case 5: return "SHA384";
    case 6: return "SHA512";
    default: return "SHA256";
    }
}

static const char *hash_of(uint16_t scheme)
{
    switch (scheme) {
    case WB_X509_ED25519: return NULL;
    case WB_X509_RSA_PSS_SHA256: return "SHA256";
    case WB_X509_RSA_PSS_SHA384: return "SHA384";
    case WB_X509_RSA_PSS_SHA512: return "SHA512";
    default: return libcrypto_hash_name(scheme >> 8);
    }
}

enum wb_err libcrypto_sign(EVP_PKEY *key, uint16_t scheme, const void *message, size_t len,
                           uint8_t *signature, size_t *signature_len)
{
    struct thread *t = libcrypto_thread();
    EVP_PKEY_CTX *ctx = NULL;
    bool is_pss = wb_x509_scheme_key_type(scheme) == WB_X509_KEY_RSA && scheme >= 0x0804;
    bool is_signed =
        EVP_DigestSignInit_ex(t->signature, &ctx, hash_of(scheme), NULL, NULL, key, NULL) == 1 &&
        (!is_pss || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
        EVP_DigestSign(t->signature, signature, signature_len, message, len) == 1;
    (void)EVP_MD_CTX_reset(t->signature);
    ERR_clear_error();
    return is_signed ? WB_OK : WB_ERR_KEY;
}

static enum wb_x509_key_type type_of(const EVP_PKEY *key)
{
    char group[32] = "";
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return WB_X509_KEY_ED25519;
    }
    if (EVP_PKEY_is_a(key, "RSA")) {
        return WB_X509_KEY_RSA;
    }
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
        strcmp(group, "prime256v1") == 0) {
        return WB_X509_KEY_P256;
    }
    return WB_X509_KEY_NONE;
}

static int no_passphrase(char *buf, int size, int is_writing, void *ctx)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return 0; /* never ask on a terminal */
}

enum wb_err wb_libcrypto_key_read(struct wb_libcrypto_key **key, const void *pem, size_t len,
                                  struct wb_fault *fault)
{
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    EVP_PKEY *read = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (read == NULL) {
        return wb_fault_set(fault, WB_ERR_FORMAT, "holds no private key that can be read",
                            "encrypted keys must be decrypted first: openssl pkey", 0, 0);
    }
    if (type_of(read) == WB_X509_KEY_NONE ||
        (type_of(read) == WB_X509_KEY_RSA &&
         (EVP_PKEY_get_bits(read) < 2048 || EVP_PKEY_get_bits(read) > 4096))) {
        EVP_PKEY_free(read);
        return wb_fault_set(fault, WB_ERR_UNSUPPORTED, "private key is of another kind",
                            "Ed25519, P-256 and RSA of 2,048 to 4,096 bits are known", 0, 0);
    }
    *key = (struct wb_libcrypto_key *)(void *)read; /* never looked into under that name */
    return WB_OK;
}

void wb_libcrypto_key_free(struct wb_libcrypto_key *key)
{
    EVP_PKEY_free((EVP_PKEY *)(void *)key); /* NULL is fine; wipes */
}

enum wb_err wb_libcrypto_key_sign(void *ctx, uint16_t scheme, const void *message, size_t len,
                                  uint8_t signature[WB_TLS_SIGNATURE_MAX], size_t *signature_len)
{
    EVP_PKEY *key = ctx;
    if (wb_x509_scheme_key_type(scheme) != type_of(key)) {
        return WB_ERR_UNSUPPORTED;
    }
    *signature_len = WB_TLS_SIGNATURE_MAX;
    return libcrypto_sign(key, scheme, message, len, signature, signature_len);
}

bool wb_libcrypto_key_fits(const struct wb_libcrypto_key *key, const struct wb_x509_cert *cert)
{
    const EVP_PKEY *ours = (const EVP_PKEY *)(const void *)key;
    const uint8_t *der = cert->key_info.data;
    EVP_PKEY *theirs = d2i_PUBKEY(NULL, &der, (long)cert->key_info.len);
    bool is_same = theirs != NULL && EVP_PKEY_eq(ours, theirs) == 1;
    EVP_PKEY_free(theirs);
    ERR_clear_error();
    return is_same;
}
