/* SPDX-License-Identifier: AGPL-3.0-only */
/* Paths through intermediates (RFC 5280 §6). The search walks from the leaf towards an anchor,
 * depth first, without recursion: at each step the next certificate that bears the issuer's name
 * and whose key verifies is tried. Signatures are what costs, so their number is bounded. */
#include <string.h>

#include "der.h"
#include "text.h"
#include "x509.h"

#define SIGNATURES_MAX 32u

struct search {
    const struct wb_x509_check *check;
    struct wb_fault *fault;
    struct wb_x509_cert path[WB_X509_PATH_MAX + 1]; /* path[0] is the leaf */
    uint8_t tried[WB_X509_PATH_MAX + 1];            /* next intermediate to try as issuer */
    unsigned depth;
    unsigned signatures;
    struct wb_fault reason; /* the best explanation so far */
};

static enum wb_err note(struct search *s, enum wb_err code, const char *what, const char *hint)
{
    return wb_fault_set(&s->reason, code, what, hint, s->depth, 0);
}

/* ---- names ---- */

/* RFC 5280 §4.2.1.10: a DNS constraint is met by the name itself and by names below it. */
static bool is_dns_within(struct wb_bytes name, struct wb_bytes base)
{
    const uint8_t *n = name.data;
    const uint8_t *b = base.data;
    if (base.len > 0 && b[0] == '.') { /* seen in practice: below only */
        return name.len > base.len &&
               x509_is_same_text(n + name.len - base.len, base.len, b, base.len);
    }
    if (name.len == base.len || base.len == 0) {
        return base.len == 0 || x509_is_same_text(n, name.len, b, base.len);
    }
    return name.len > base.len && n[name.len - base.len - 1] == '.' &&
           x509_is_same_text(n + name.len - base.len, base.len, b, base.len);
}

/* Address and mask of the same length each. */
static bool is_ip_within(struct wb_bytes ip, struct wb_bytes base)
{
    const uint8_t *a = ip.data;
    const uint8_t *b = base.data;
    if (base.len != 2 * ip.len) {
        return false;
    }
    for (size_t i = 0; i < ip.len; i++) {
        if ((a[i] ^ b[i]) & b[ip.len + i]) {
            return false;
        }
    }
    return true;
}

enum match { MATCH_NO_BASE, MATCH_OUTSIDE, MATCH_WITHIN, MATCH_UNKNOWN };

/* How does a name stand to a list of GeneralSubtrees? Names of a kind that no subtree speaks of are
 * free. */
static enum match match_name(uint8_t tag, struct wb_bytes name, struct wb_bytes subtrees)
{
    enum match result = MATCH_NO_BASE;
    struct wb_reader r;
    wb_reader_init(&r, subtrees.data, subtrees.len);
    while (r.err == WB_OK && r.at != r.end) {
        struct wb_reader subtree = der_enter(&r, DER_SEQUENCE);
        uint8_t base_tag = der_peek(&subtree);
        struct wb_bytes base = der_take(&subtree, base_tag);
        der_end(&subtree); /* minimum and maximum are not used (§4.2.1.10) */
        if (subtree.err != WB_OK) {
            return MATCH_UNKNOWN;
        }
        if (base_tag != tag) {
            continue;
        }
        bool is_within;
        if (tag == (DER_CONTEXT | 2)) {
            is_within = is_dns_within(name, base);
        } else if (tag == (DER_CONTEXT | 7)) {
            is_within = is_ip_within(name, base);
        } else if (tag == (DER_CONTEXT_CONSTRUCTED | 4)) { /* directoryName: a prefix of its RDNs */
            struct wb_reader b, n;
            wb_reader_init(&b, base.data, base.len);
            wb_reader_init(&n, name.data, name.len);
            struct wb_bytes base_rdns = der_take(&b, DER_SEQUENCE);
            struct wb_bytes name_rdns = der_take(&n, DER_SEQUENCE);
            is_within =
                b.err == WB_OK && n.err == WB_OK && base_rdns.len <= name_rdns.len &&
                (base_rdns.len == 0 || memcmp(base_rdns.data, name_rdns.data, base_rdns.len) == 0);
        } else {
            return MATCH_UNKNOWN; /* mail addresses, URIs: refused rather than guessed */
        }
        if (is_within) {
            return MATCH_WITHIN;
        }
        result = MATCH_OUTSIDE;
    }
    return r.err == WB_OK ? result : MATCH_UNKNOWN;
}

static bool is_name_allowed(uint8_t tag, struct wb_bytes name, struct wb_bytes permitted,
                            struct wb_bytes excluded)
{
    enum match in = match_name(tag, name, permitted);
    enum match out = match_name(tag, name, excluded);
    return (in == MATCH_NO_BASE || in == MATCH_WITHIN) &&
           (out == MATCH_NO_BASE || out == MATCH_OUTSIDE);
}

static bool are_names_allowed(const struct wb_x509_cert *cert, struct wb_bytes permitted,
                              struct wb_bytes excluded)
{
    struct wb_reader r;
    if (permitted.len + excluded.len == 0) {
        return true;
    }
    wb_reader_init(&r, cert->alt_names.data, cert->alt_names.len);
    while (r.err == WB_OK && r.at != r.end) {
        uint8_t tag = der_peek(&r);
        if (!is_name_allowed(tag, der_take(&r, tag), permitted, excluded)) {
            return false;
        }
    }
    bool has_subject = cert->subject.len > 2; /* an empty one is free (§4.2.1.10) */
    return r.err == WB_OK && (!has_subject || is_name_allowed(DER_CONTEXT_CONSTRUCTED | 4,
                                                              cert->subject, permitted, excluded));
}

/* ---- one link ---- */

static bool is_same(struct wb_bytes a, struct wb_bytes b)
{
    return der_is(a, b.data, b.len);
}

/* What stands above the path must allow its length and all names in it. */
static enum wb_err check_below(struct search *s, int8_t path_len, struct wb_bytes permitted,
                               struct wb_bytes excluded)
{
    if (path_len >= 0 && (unsigned)path_len < s->depth) {
        return note(
            s, WB_ERR_CERTIFICATE,
            TEXT("an authority in the path may not have so many below it (pathLenConstraint)"),
            NULL);
    }
    for (unsigned i = 0; i <= s->depth; i++) {
        if (!are_names_allowed(&s->path[i], permitted, excluded)) {
            return note(
                s, WB_ERR_CERTIFICATE,
                TEXT("an authority in the path may not issue for this name (nameConstraints)"),
                NULL);
        }
    }
    return WB_OK;
}

static enum wb_err check_revoked(struct search *s, const struct wb_x509_cert *cert)
{
    const struct wb_x509_check *check = s->check;
    for (size_t i = 0; i < check->crl_count; i++) {
        const struct wb_x509_crl *crl = &check->crls[i];
        if (!is_same(crl->issuer, cert->issuer)) {
            continue;
        }
        if (wb_x509_crl_has(crl, cert->serial, NULL)) {
            return note(s, WB_ERR_CERTIFICATE_REVOKED,
                        TEXT("certificate was revoked by its issuer"), TEXT("get a new one"));
        }
        if (check->unix_now != 0 && crl->next_update != 0 && check->unix_now > crl->next_update) {
            return note(s, WB_ERR_CERTIFICATE_EXPIRED,
                        TEXT("the issuer's revocation list is out of date"),
                        TEXT("fetch its next one"));
        }
    }
    return WB_OK;
}

static bool is_signed_by(struct search *s, uint8_t key_type, const uint8_t *key, size_t key_len)
{
    const struct wb_x509_cert *cert = &s->path[s->depth];
    if (s->signatures >= SIGNATURES_MAX) {
        (void)note(s, WB_ERR_LIMIT, TEXT("too many signatures to find a path"), NULL);
        return false;
    }
    s->signatures++;
    return x509_verify_signature(s->check->algorithms, key_type, key, key_len, cert->scheme,
                                 cert->tbs, cert->signature, cert->signature_len) == WB_OK;
}

static bool is_anchored(struct search *s)
{
    const struct wb_x509_check *check = s->check;
    const struct wb_x509_cert *cert = &s->path[s->depth];
    for (size_t i = 0; i < check->anchor_count; i++) {
        const struct wb_x509_anchor *anchor = &check->anchors[i];
        bool is_anchor_itself = s->depth == 0 && is_same(cert->der, anchor->der);
        if (is_anchor_itself) {
            return true;
        }
        if (!is_same(cert->issuer, anchor->subject)) {
            continue;
        }
        if (!is_signed_by(s, anchor->key_type, anchor->public_key, anchor->public_key_len)) {
            (void)note(
                s, WB_ERR_SIGNATURE,
                TEXT("certificate names a trusted authority but its signature does not verify"),
                TEXT("was the authority recreated since it was issued? issue it anew"));
            continue;
        }
        if (!x509_is_time_in(check->unix_now, anchor->not_before, anchor->not_after)) {
            (void)note(s, WB_ERR_CERTIFICATE_EXPIRED,
                       TEXT("the authority's own certificate is expired or not yet valid"),
                       TEXT("renew the authority's certificate, or check the clock"));
            continue;
        }
        if (check_below(s, anchor->path_len, anchor->permitted, anchor->excluded) == WB_OK &&
            check_revoked(s, cert) == WB_OK) {
            return true;
        }
    }
    return false;
}

/* May this certificate stand above the path? */
static enum wb_err check_intermediate(struct search *s, const struct wb_x509_cert *ca)
{
    const struct wb_x509_check *check = s->check;
    if (!ca->is_ca) {
        return note(s, WB_ERR_CERTIFICATE,
                    TEXT("a certificate in the path is no authority's (basicConstraints CA)"),
                    NULL);
    }
    if (ca->has_key_usage && !(ca->key_usage & WB_X509_KEY_USAGE_CERT_SIGN)) {
        return note(s, WB_ERR_CERTIFICATE,
                    TEXT("an authority's key in the path may not sign certificates (keyUsage)"),
                    NULL);
    }
    if (ca->has_purposes && !(ca->purposes & (check->purpose | WB_X509_ANY_PURPOSE))) {
        return note(
            s, WB_ERR_CERTIFICATE,
            TEXT("an authority in the path may not issue for this purpose (extendedKeyUsage)"),
            NULL);
    }
    if (!x509_is_time_in(check->unix_now, ca->not_before, ca->not_after)) {
        return note(s, WB_ERR_CERTIFICATE_EXPIRED,
                    TEXT("an intermediate certificate is expired or not yet valid"),
                    TEXT("renew it, or check the clock"));
    }
    WB_TRY(check_below(s, ca->path_len, ca->permitted, ca->excluded));
    return check_revoked(s, &s->path[s->depth]);
}

static bool is_in_path(const struct search *s, struct wb_bytes der)
{
    for (unsigned i = 0; i <= s->depth; i++) {
        if (is_same(s->path[i].der, der)) {
            return true;
        }
    }
    return false;
}

/* Goes one step up; false when no intermediate is left to be tried. */
static bool ascend(struct search *s)
{
    const struct wb_x509_check *check = s->check;
    struct wb_x509_cert ca;
    if (s->depth == WB_X509_PATH_MAX) {
        return false;
    }
    while (s->tried[s->depth] < check->intermediate_count) {
        struct wb_bytes der = check->intermediates[s->tried[s->depth]++];
        if (is_in_path(s, der) || wb_x509_parse(&ca, der.data, der.len, NULL) != WB_OK ||
            !is_same(ca.subject, s->path[s->depth].issuer) || check_intermediate(s, &ca) != WB_OK ||
            !is_signed_by(s, ca.key_type, ca.public_key, ca.public_key_len)) {
            continue;
        }
        s->path[++s->depth] = ca;
        s->tried[s->depth] = 0;
        return true;
    }
    return false;
}

static bool find_path(struct search *s)
{
    for (;;) {
        if (is_anchored(s)) {
            return true;
        }
        while (!ascend(s)) {
            if (s->depth == 0 || s->signatures >= SIGNATURES_MAX) {
                return false;
            }
            s->depth--;
        }
    }
}

enum wb_err wb_x509_verify_path(const struct wb_x509_cert *cert, const struct wb_x509_check *check,
                                bool *is_self_issued, struct wb_fault *fault)
{
    struct search s = {.check = check, .fault = fault};
    bool self_issued = false;
    s.path[0] = *cert;
    if (check->intermediate_count > UINT8_MAX) {
        return wb_fault_set(fault, WB_ERR_LIMIT, TEXT("too many intermediates"), NULL, 0, 0);
    }
    if (!find_path(&s)) {
        s.depth = 0;
        self_issued = s.reason.code == WB_OK && check->accept_self_issued &&
                      is_same(cert->issuer, cert->subject) &&
                      is_signed_by(&s, cert->key_type, cert->public_key, cert->public_key_len);
        if (!self_issued) {
            (void)note(&s, WB_ERR_CERTIFICATE_UNTRUSTED,
                       TEXT("certificate is not issued by a trusted authority"),
                       TEXT("does the chain lack an intermediate certificate?"));
            return wb_fault_set(fault, s.reason.code, s.reason.what, s.reason.hint,
                                s.reason.where[0], 0);
        }
    }
    WB_TRY(x509_verify_leaf(cert, check, fault));
    if (is_self_issued != NULL) {
        *is_self_issued = self_issued;
    }
    return WB_OK;
}
