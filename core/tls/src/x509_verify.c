/* SPDX-License-Identifier: AGPL-3.0-only */
/* Decides whether a certificate is acceptable: who issued it, when it is valid, what for, whose
 * name it is. */
#include <string.h>

#include "der.h"
#include "text.h"
#include "x509.h"

static enum wb_err refuse(struct wb_fault *fault, enum wb_err code, const char *what,
                          const char *hint)
{
    return wb_fault_set(fault, code, what, hint, 0, 0);
}

enum wb_err wb_x509_anchor_init(struct wb_x509_anchor *anchor, const void *der, size_t len,
                                struct wb_fault *fault)
{
    struct wb_x509_cert cert;
    WB_TRY(wb_x509_parse(&cert, der, len, fault));
    if (!cert.is_ca) {
        return refuse(fault, WB_ERR_CERTIFICATE,
                      TEXT("trust anchor is not an authority's certificate (basicConstraints CA)"),
                      TEXT("give the certificate of the authority, not one that it issued"));
    }
    if (cert.has_key_usage && !(cert.key_usage & WB_X509_KEY_USAGE_CERT_SIGN)) {
        return refuse(fault, WB_ERR_CERTIFICATE,
                      TEXT("trust anchor's key may not sign certificates (keyUsage)"), NULL);
    }
    *anchor = (struct wb_x509_anchor){.subject = cert.subject,
                                      .public_key = cert.public_key,
                                      .not_before = cert.not_before,
                                      .not_after = cert.not_after,
                                      .der = cert.der,
                                      .public_key_len = cert.public_key_len,
                                      .key_type = cert.key_type,
                                      .path_len = cert.path_len,
                                      .permitted = cert.permitted,
                                      .excluded = cert.excluded};
    return WB_OK;
}

static bool is_same(struct wb_bytes a, struct wb_bytes b)
{
    return der_is(a, b.data, b.len);
}

bool x509_is_time_in(wb_unix_s now, wb_unix_s not_before, wb_unix_s not_after)
{
    return now == 0 || (now >= not_before && now <= not_after);
}

/* Finds who vouches for the certificate. Several anchors may bear one name (an authority's old and
 * new key). */
static enum wb_err check_issuer(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                                bool *is_self_issued, struct wb_fault *fault)
{
    bool is_name_known = false;
    bool is_anchor_expired = false;
    for (size_t i = 0; i < check->anchor_count; i++) {
        const struct wb_x509_anchor *anchor = &check->anchors[i];
        if (is_same(cert->der, anchor->der)) {
            return WB_OK;
        }
        if (!is_same(cert->issuer, anchor->subject)) {
            continue;
        }
        is_name_known = true;
        if (anchor->permitted.len + anchor->excluded.len > 0) {
            return refuse(fault, WB_ERR_UNSUPPORTED,
                          TEXT("the authority's nameConstraints are not looked at here"),
                          TEXT("set wb_tls_cfg.verify to wb_x509_verify_path"));
        }
        enum wb_err err = x509_verify_signature(
            check->algorithms, anchor->key_type, anchor->public_key, anchor->public_key_len,
            cert->scheme, cert->tbs, cert->signature, cert->signature_len);
        if (err == WB_ERR_UNSUPPORTED) {
            return refuse(fault, err,
                          TEXT("certificate is signed with an algorithm that is not linked here"),
                          TEXT("issue it from an authority with an Ed25519 key"));
        }
        if (err != WB_OK) {
            continue;
        }
        if (x509_is_time_in(check->unix_now, anchor->not_before, anchor->not_after)) {
            return WB_OK;
        }
        is_anchor_expired = true;
    }
    if (is_anchor_expired) {
        return refuse(fault, WB_ERR_CERTIFICATE_EXPIRED,
                      TEXT("the authority's own certificate is expired or not yet valid"),
                      TEXT("renew the authority's certificate, or check the clock"));
    }
    if (is_name_known) {
        return refuse(
            fault, WB_ERR_SIGNATURE,
            TEXT("certificate names a trusted authority but its signature does not verify"),
            TEXT("was the authority recreated since it was issued? issue it anew"));
    }
    if (check->accept_self_issued && is_same(cert->issuer, cert->subject) &&
        x509_verify_signature(check->algorithms, cert->key_type, cert->public_key,
                              cert->public_key_len, cert->scheme, cert->tbs, cert->signature,
                              cert->signature_len) == WB_OK) {
        *is_self_issued = true;
        return WB_OK;
    }
    return refuse(fault, WB_ERR_CERTIFICATE_UNTRUSTED,
                  TEXT("certificate is not issued by a trusted authority"),
                  TEXT("issue it from the platform's authority"));
}

enum wb_err wb_x509_verify(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                           bool *is_self_issued, struct wb_fault *fault)
{
    bool self_issued = false;
    WB_TRY(check_issuer(cert, check, &self_issued, fault));
    WB_TRY(x509_verify_leaf(cert, check, fault));
    if (is_self_issued != NULL) {
        *is_self_issued = self_issued;
    }
    return WB_OK;
}

enum wb_err x509_verify_leaf(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                             struct wb_fault *fault)
{
    if (!x509_is_time_in(check->unix_now, cert->not_before, cert->not_after)) {
        bool is_early = check->unix_now < cert->not_before;
        return refuse(fault, WB_ERR_CERTIFICATE_EXPIRED,
                      is_early ? TEXT("certificate is not yet valid")
                               : TEXT("certificate has expired"),
                      is_early ? TEXT("check the clock") : TEXT("renew it"));
    }
    /* RFC 8446 §4.4.2.2: digitalSignature must be set when keyUsage is present */
    if (cert->has_key_usage && !(cert->key_usage & WB_X509_KEY_USAGE_DIGITAL_SIGNATURE)) {
        return refuse(fault, WB_ERR_UNSUPPORTED,
                      TEXT("certificate's keyUsage does not allow signatures"), NULL);
    }
    if (cert->has_purposes && !(cert->purposes & (check->purpose | WB_X509_ANY_PURPOSE))) {
        return refuse(fault, WB_ERR_UNSUPPORTED,
                      check->purpose == WB_X509_SERVER_AUTH
                          ? TEXT("certificate is not for servers (extendedKeyUsage)")
                          : TEXT("certificate is not for clients (extendedKeyUsage)"),
                      NULL);
    }
    if (check->server_name != NULL && !wb_x509_has_name(cert, check->server_name)) {
        return refuse(fault, WB_ERR_CERTIFICATE,
                      TEXT("certificate does not carry the server's name (subjectAltName)"),
                      TEXT("connect by a name that it carries, or issue it for this one"));
    }
    return WB_OK;
}

/* ---- names (RFC 9525) ---- */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool x509_is_same_text(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    if (a_len != b_len) {
        return false;
    }
    for (size_t i = 0; i < a_len; i++) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

/* RFC 9525 §6.3: a wildcard is the complete leftmost label and matches exactly one label. */
static bool is_dns_match(struct wb_bytes pattern, const char *name, size_t name_len)
{
    const uint8_t *p = pattern.data;
    const uint8_t *n = (const uint8_t *)name;
    size_t p_len = pattern.len;
    if (name_len > 0 && n[name_len - 1] == '.') { /* the root label may be spelled out */
        name_len--;
    }
    if (p_len > 2 && p[0] == '*' && p[1] == '.') {
        const uint8_t *dot = memchr(n, '.', name_len);
        if (dot == NULL || dot == n || memchr(p + 2, '.', p_len - 2) == NULL) {
            return false;
        }
        size_t label_len = (size_t)(dot - n);
        return x509_is_same_text(p + 1, p_len - 1, dot, name_len - label_len);
    }
    return p_len > 0 && x509_is_same_text(p, p_len, n, name_len);
}

bool wb_x509_has_name(const struct wb_x509_cert *cert, const char *name)
{
    uint8_t ip[16];
    size_t ip_len = wb_x509_ip_parse(name, ip);
    size_t name_len = strlen(name);
    struct wb_reader r;
    wb_reader_init(&r, cert->alt_names.data, cert->alt_names.len);
    while (r.err == WB_OK && r.at != r.end) {
        uint8_t tag = der_peek(&r);
        struct wb_bytes value = der_take(&r, tag);
        if (ip_len > 0 && tag == (DER_CONTEXT | 7) && der_is(value, ip, ip_len)) {
            return true;
        }
        if (ip_len == 0 && tag == (DER_CONTEXT | 2) && is_dns_match(value, name, name_len)) {
            return true;
        }
    }
    return false;
}

/* ---- IP address texts ---- */

static size_t parse_ipv4(const char *text, uint8_t out[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned value = 0;
        unsigned digits = 0;
        for (; *text >= '0' && *text <= '9'; text++, digits++) {
            value = value * 10 + (unsigned)(*text - '0');
            if (digits == 3 || value > 255 || (digits > 0 && value < 10)) {
                return 0; /* too large, or a leading zero, which some read as octal */
            }
        }
        if (digits == 0 || *text != (i < 3 ? '.' : '\0')) {
            return 0;
        }
        out[i] = (uint8_t)value;
        text++;
    }
    return 4;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t l = lower((uint8_t)c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* RFC 4291 §2.2: eight groups, one run of zero groups as "::", the last 32 bits possibly as IPv4.
 */
static size_t parse_ipv6(const char *text, uint8_t out[16])
{
    unsigned len = 0;
    int gap = -1;
    memset(out, 0, 16);
    if (text[0] == ':' && text[1] == ':') {
        gap = 0;
        text += 2;
    }
    while (*text != '\0') {
        if (len == 16) {
            return 0;
        }
        if (len <= 12 && parse_ipv4(text, out + len) == 4) {
            len += 4;
            break;
        }
        unsigned value = 0;
        unsigned digits = 0;
        for (; hex_digit(*text) >= 0; text++, digits++) {
            if (digits == 4) {
                return 0;
            }
            value = value << 4 | (unsigned)hex_digit(*text);
        }
        if (digits == 0) {
            return 0;
        }
        out[len++] = (uint8_t)(value >> 8);
        out[len++] = (uint8_t)value;
        if (text[0] == ':' && text[1] == ':') {
            if (gap >= 0) {
                return 0;
            }
            gap = (int)len;
            text += 2;
        } else if (text[0] == ':' && text[1] != '\0') {
            text++;
        } else if (*text != '\0') {
            return 0;
        }
    }
    if (gap < 0) {
        return len == 16 ? 16 : 0;
    }
    if (len == 16) {
        return 0; /* "::" stands for at least one group */
    }
    unsigned tail = len - (unsigned)gap;
    memmove(out + 16 - tail, out + gap, tail);
    memset(out + gap, 0, 16 - len);
    return 16;
}

size_t wb_x509_ip_parse(const char *text, uint8_t out[16])
{
    if (parse_ipv4(text, out) == 4) {
        return 4;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == ':') {
            return parse_ipv6(text, out);
        }
    }
    return 0;
}
