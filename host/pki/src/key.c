/* SPDX-License-Identifier: AGPL-3.0-only */
/* Ed25519 key pairs in PKCS#8 PEM files. */
#include <string.h>

#include "pki.h"

enum wb_err wb_pki_key_generate(struct wb_pki_key *key, wb_pki_err_text err_text)
{
    if (wb_pki_random(NULL, key->private_key, sizeof key->private_key) != WB_OK) {
        return pki_fail(err_text, WB_ERR_ENTROPY, "the system gives no random bytes");
    }
    wb_ed25519_public_key(key->public_key, key->private_key);
    return WB_OK;
}

enum wb_err wb_pki_key_load(struct wb_pki_key *key, const char *path, wb_pki_err_text err_text)
{
    char *text;
    size_t text_len;
    uint8_t der[256];
    size_t der_len;
    struct wb_fault fault = {0};
    WB_TRY(pki_file_read(path, &text, &text_len, err_text));
    enum wb_err err =
        wb_pem_find(text, text_len, WB_PEM_PRIVATE_KEY, der, sizeof der, &der_len, &fault);
    pki_file_free(text, text_len);
    if (err == WB_ERR_TYPE) {
        fault.what = "holds no block PRIVATE KEY";
        fault.hint = "other forms: openssl pkcs8 -topk8 -nocrypt converts them";
    } else if (err == WB_ERR_SPACE) {
        fault.code = err = WB_ERR_UNSUPPORTED;
        fault.what = "private key is not an Ed25519 key";
        fault.hint = "openssl genpkey -algorithm ed25519 makes one";
    } else if (err == WB_OK) {
        err = wb_pkcs8_read_ed25519(der, der_len, key->private_key, &fault);
        wb_wipe(der, sizeof der);
    }
    if (err != WB_OK) {
        return pki_fail_fault(err_text, path, &fault);
    }
    wb_ed25519_public_key(key->public_key, key->private_key);
    return WB_OK;
}

enum wb_err wb_pki_key_save(const struct wb_pki_key *key, const char *path,
                            wb_pki_err_text err_text)
{
    uint8_t der[WB_PKCS8_ED25519_LEN];
    char text[256];
    size_t len;
    wb_pkcs8_write_ed25519(key->private_key, der);
    enum wb_err err = wb_pem_write(WB_PEM_PRIVATE_KEY, der, sizeof der, text, sizeof text, &len);
    WB_ASSERT(err == WB_OK);
    err = pki_file_write(path, text, len, 0600, err_text);
    wb_wipe(der, sizeof der);
    wb_wipe(text, sizeof text);
    return err;
}

enum wb_err wb_pki_key_load_or_create(struct wb_pki_key *key, const char *path,
                                      wb_pki_err_text err_text)
{
    if (pki_file_exists(path)) {
        return wb_pki_key_load(key, path, err_text);
    }
    WB_TRY(wb_pki_key_generate(key, err_text));
    return wb_pki_key_save(key, path, err_text);
}
