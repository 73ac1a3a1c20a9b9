/* SPDX-License-Identifier: AGPL-3.0-only */
/* Authorities, keys and certificates in a temporary folder. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wb_pki.h"
#include "wb_test.h"

#define NOW 1750000000
#define DAY 86400

static char folder[64];
static wb_pki_err_text err_text;

static const char *path(const char *name)
{
    static char paths[4][160];
    static unsigned turn;
    char *p = paths[turn++ % 4];
    (void)snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(path(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/wb-pki-test-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"ca/ca-cert.pem", "ca/ca-key.pem", "ca",     "key.pem",
                                        "cert.pem",       "other.pem",     "bad.pem"};
    for (size_t i = 0; i < WB_ARRAY_LEN(names); i++) {
        if (unlink(path(names[i])) != 0) {
            (void)rmdir(path(names[i]));
        }
    }
    return rmdir(folder);
}

static void ca_is_created_once_and_loaded_after(void **state)
{
    (void)state;
    struct wb_pki_ca ca, again;
    assert_err(WB_ERR_NOT_FOUND, wb_pki_ca_load(&ca, path("ca"), err_text));
    assert_ok(wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_ca_load_or_create(&again, path("ca"), "Another name", NOW + 99, err_text));
    assert_int_equal(ca.der_len, again.der_len);
    assert_memory_equal(ca.der, again.der, ca.der_len);
    assert_memory_equal(&ca.key, &again.key, sizeof ca.key);
    struct stat st;
    assert_int_equal(stat(path("ca/ca-key.pem"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(path("ca"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void half_an_authority_is_never_replaced(void **state)
{
    (void)state;
    struct wb_pki_ca ca;
    assert_ok(wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_int_equal(unlink(path("ca/ca-cert.pem")), 0);
    assert_err(WB_ERR_IO, wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_non_null(strstr(err_text, "ca-cert.pem: is missing"));
}

static void authority_with_anothers_key_is_refused(void **state)
{
    (void)state;
    struct wb_pki_ca ca;
    struct wb_pki_key key;
    assert_ok(wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_key_generate(&key, err_text));
    assert_ok(wb_pki_key_save(&key, path("ca/ca-key.pem"), err_text));
    assert_err(WB_ERR_KEY, wb_pki_ca_load(&ca, path("ca"), err_text));
    assert_non_null(strstr(err_text, "ca-cert.pem"));
}

static void keys_survive_saving(void **state)
{
    (void)state;
    struct wb_pki_key key, loaded;
    assert_ok(wb_pki_key_load_or_create(&key, path("key.pem"), err_text));
    assert_ok(wb_pki_key_load_or_create(&loaded, path("key.pem"), err_text));
    assert_memory_equal(&key, &loaded, sizeof key);
}

static void errors_name_file_and_reason(void **state)
{
    (void)state;
    struct wb_pki_key key;
    struct wb_pki_anchors anchors;
    struct wb_pki_identity identity;
    assert_err(WB_ERR_NOT_FOUND, wb_pki_key_load(&key, path("none.pem"), err_text));
    assert_non_null(strstr(err_text, "none.pem: cannot be opened"));
    write_file("bad.pem", "hello\n");
    assert_err(WB_ERR_NOT_FOUND, wb_pki_key_load(&key, path("bad.pem"), err_text));
    assert_non_null(strstr(err_text, "bad.pem: PEM: no block"));
    assert_err(WB_ERR_NOT_FOUND, wb_pki_anchors_load(&anchors, path("bad.pem"), err_text));
    assert_non_null(strstr(err_text, "holds no block CERTIFICATE"));
    write_file("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    assert_err(WB_ERR_FORMAT, wb_pki_anchors_load(&anchors, path("bad.pem"), err_text));
    assert_non_null(strstr(err_text, "block 1, line 2: PEM: END line is missing"));
    write_file("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_err(WB_ERR_FORMAT, wb_pki_anchors_load(&anchors, path("bad.pem"), err_text));
    assert_err(WB_ERR_TYPE, wb_pki_key_load(&key, path("bad.pem"), err_text));
    assert_non_null(strstr(err_text, "holds no block PRIVATE KEY"));
    assert_err(WB_ERR_NOT_FOUND,
               wb_pki_identity_load(&identity, path("none.pem"), path("bad.pem"), err_text));
    assert_err(WB_ERR_IO, wb_pki_key_save(&key, path("no-folder/key.pem"), err_text));
    assert_non_null(strstr(err_text, "key.pem: cannot be written"));
}

static void identity_of_two_halves_is_refused(void **state)
{
    (void)state;
    struct wb_pki_ca ca;
    struct wb_pki_identity identity;
    struct wb_pki_key key;
    assert_ok(wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_device_ensure(&identity, &ca, path("cert.pem"), path("key.pem"), "device-1",
                                   30, NOW, err_text));
    assert_ok(wb_pki_key_generate(&key, err_text));
    assert_ok(wb_pki_key_save(&key, path("other.pem"), err_text));
    assert_err(WB_ERR_KEY,
               wb_pki_identity_load(&identity, path("cert.pem"), path("other.pem"), err_text));
    assert_non_null(strstr(err_text, "other.pem: private key belongs to another certificate"));
}

static bool is_same_cert(const struct wb_pki_identity *a, const struct wb_pki_identity *b)
{
    return a->chain[0].len == b->chain[0].len &&
           memcmp(a->chain[0].data, b->chain[0].data, a->chain[0].len) == 0;
}

static void server_certificate_is_renewed_when_needed_only(void **state)
{
    (void)state;
    static const char *const names[] = {"wasmbed-gateway", "127.0.0.1", "::1"};
    struct wb_pki_ca ca;
    static struct wb_pki_identity first, next;
    assert_ok(wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_server_ensure(&first, &ca, path("cert.pem"), path("key.pem"), names, 2, 90,
                                   NOW, err_text));
    assert_true(first.chain[0].len <= 448);
    assert_ok(wb_pki_server_ensure(&next, &ca, path("cert.pem"), path("key.pem"), names, 2, 90,
                                   NOW + 60 * DAY, err_text));
    assert_true(is_same_cert(&first, &next)); /* exactly a third is left */
    assert_ok(wb_pki_server_ensure(&next, &ca, path("cert.pem"), path("key.pem"), names, 2, 90,
                                   NOW + 60 * DAY + 1, err_text));
    assert_false(is_same_cert(&first, &next));
    assert_memory_equal(&first.key, &next.key, sizeof first.key);
    first = (struct wb_pki_identity){0};
    assert_ok(wb_pki_server_ensure(&first, &ca, path("cert.pem"), path("key.pem"), names, 3, 90,
                                   NOW + 60 * DAY + 1, err_text)); /* one more name */
    assert_false(is_same_cert(&first, &next));
}

static void device_certificate_follows_its_name(void **state)
{
    (void)state;
    struct wb_pki_ca ca;
    static struct wb_pki_identity first, next;
    assert_ok(wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_device_ensure(&first, &ca, path("cert.pem"), path("key.pem"), "device-1", 90,
                                   NOW, err_text));
    assert_true(first.chain[0].len <= 448);
    assert_ok(wb_pki_device_ensure(&next, &ca, path("cert.pem"), path("key.pem"), "device-1", 90,
                                   NOW, err_text));
    assert_true(is_same_cert(&first, &next));
    assert_ok(wb_pki_device_ensure(&next, &ca, path("cert.pem"), path("key.pem"), "device-2", 90,
                                   NOW, err_text));
    assert_false(is_same_cert(&first, &next));
    assert_err(WB_ERR_VALUE, wb_pki_device_ensure(&next, &ca, path("cert.pem"), path("key.pem"), "",
                                                  90, NOW, err_text));
    assert_err(WB_ERR_VALUE, wb_pki_device_ensure(&next, &ca, path("cert.pem"), path("key.pem"),
                                                  "device-3", 0, NOW, err_text));
    assert_err(WB_ERR_CERTIFICATE_EXPIRED,
               wb_pki_device_ensure(&next, &ca, path("cert.pem"), path("key.pem"), "device-3", 90,
                                    NOW + (wb_unix_s)7301 * DAY, err_text));
}

static void anchors_come_from_file_and_authority_alike(void **state)
{
    (void)state;
    struct wb_pki_ca ca;
    static struct wb_pki_anchors a, b;
    assert_ok(wb_pki_ca_load_or_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_anchors_load(&a, path("ca/ca-cert.pem"), err_text));
    assert_ok(wb_pki_anchors_from_ca(&b, &ca, err_text));
    assert_int_equal(a.count, 1);
    assert_memory_equal(a.anchors[0].public_key, b.anchors[0].public_key, 32);
    struct wb_pki_identity identity;
    assert_ok(wb_pki_device_ensure(&identity, &ca, path("cert.pem"), path("key.pem"), "device-1",
                                   30, NOW, err_text));
    assert_err(WB_ERR_CERTIFICATE, wb_pki_anchors_load(&a, path("cert.pem"), err_text));
    assert_non_null(strstr(err_text, "not an authority's certificate"));
}

#define PKI_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

static void ca_is_never_created_twice(void **state)
{
    (void)state;
    struct wb_pki_ca ca;
    assert_ok(wb_pki_ca_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_err(WB_ERR_EXISTS, wb_pki_ca_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_non_null(strstr(err_text, "there already"));
}

static void renewed_certificate_says_the_same_for_longer(void **state)
{
    (void)state;
    static const char *const names[] = {"gw.example", "10.0.0.7", "::1"};
    struct wb_pki_ca ca;
    struct wb_pki_key key;
    struct wb_x509_cert old, new;
    struct wb_pki_names read;
    uint8_t first[WB_X509_CERT_MAX], second[WB_X509_CERT_MAX];
    size_t first_len, second_len;
    char subject[WB_PKI_NAME_TEXT_MAX];
    assert_ok(wb_pki_ca_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_key_generate(&key, err_text));
    assert_ok(wb_pki_issue_server(&ca, key.public_key, names, 3, 10, NOW, first, sizeof first,
                                  &first_len, err_text));
    assert_ok(wb_x509_parse(&old, first, first_len, NULL));
    assert_ok(
        wb_pki_renew(&ca, &old, 20, NOW + 5 * DAY, second, sizeof second, &second_len, err_text));
    assert_ok(wb_x509_parse(&new, second, second_len, NULL));
    assert_int_equal(new.not_after, NOW + 25 * DAY);
    assert_memory_equal(new.public_key, old.public_key, 32);
    assert_int_equal(new.purposes, old.purposes);
    assert_memory_not_equal(new.serial.data, old.serial.data, old.serial.len);
    wb_pki_names_read(&read, &new);
    assert_int_equal(read.count, 3);
    assert_int_equal(read.others, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(read.names[i], names[i]);
    }
    assert_int_equal(wb_pki_name_text(new.subject, subject, sizeof subject), 1);
    assert_string_equal(subject, "CN=gw.example");
}

static void refuses_to_renew_what_it_did_not_issue_or_cannot_write(void **state)
{
    (void)state;
    struct wb_pki_ca ca;
    struct wb_pki_key key;
    struct wb_x509_cert cert;
    uint8_t der[WB_X509_CERT_MAX], out[WB_X509_CERT_MAX];
    size_t len, out_len;
    static const uint8_t serial[] = {0x41};
    assert_ok(wb_pki_ca_create(&ca, path("ca"), "Wasmbed CA", NOW, err_text));
    assert_ok(wb_pki_key_generate(&key, err_text));
    const struct wb_x509_spec spec = {.serial = serial,
                                      .serial_len = 1,
                                      .common_name = "stranger",
                                      .public_key = key.public_key,
                                      .not_before = NOW,
                                      .not_after = NOW + DAY};
    assert_ok(wb_x509_write_self_signed(&spec, key.private_key, der, sizeof der, &len));
    assert_ok(wb_x509_parse(&cert, der, len, NULL));
    assert_err(WB_ERR_CERTIFICATE_UNTRUSTED,
               wb_pki_renew(&ca, &cert, 20, NOW, out, sizeof out, &out_len, err_text));
    assert_int_not_equal(wb_pki_renew(&ca, &ca.cert, 20, NOW, out, sizeof out, &out_len, err_text),
                         WB_OK);
    assert_ok(
        wb_pki_issue_device(&ca, key.public_key, "d", 10, NOW, der, sizeof der, &len, err_text));
    assert_ok(wb_x509_parse(&cert, der, len, NULL));
    assert_err(WB_ERR_VALUE, wb_pki_renew(&ca, &cert, 0, NOW, out, sizeof out, &out_len, err_text));
}

static void name_text_is_cut_and_never_runs_over(void **state)
{
    (void)state;
    static const uint8_t name[] = {0x30, 0x1e, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x0a,
                                   0x0c, 0x05, 'A',  ',',  'B',  0x01, 'C',  0x31, 0x0c, 0x30, 0x0a,
                                   0x06, 0x03, 0x55, 0x04, 0x7f, 0x0c, 0x03, 'x',  'y',  'z'};
    char text[64];
    assert_int_equal(wb_pki_name_text((struct wb_bytes){name, sizeof name}, text, sizeof text), 2);
    assert_string_equal(text, "O=A\\2cB\\01C, oid-55047f=xyz");
    for (size_t cap = 1; cap < 32; cap++) {
        char *exact = malloc(cap);
        assert_non_null(exact);
        (void)wb_pki_name_text((struct wb_bytes){name, sizeof name}, exact, cap);
        assert_true(strlen(exact) < cap);
        free(exact);
    }
    for (size_t len = 0; len < sizeof name; len++) {
        uint8_t *cut = malloc(len + 1);
        assert_non_null(cut);
        memcpy(cut, name, len);
        assert_true(wb_pki_name_text((struct wb_bytes){cut, len}, text, sizeof text) < 2);
        free(cut);
    }
}

static void pem_files_of_one_block(void **state)
{
    (void)state;
    uint8_t der[64];
    size_t len;
    assert_ok(wb_pki_pem_save("CERTIFICATE REQUEST", "abc", 3, path("other.pem"), err_text));
    assert_ok(
        wb_pki_pem_load(path("other.pem"), "CERTIFICATE REQUEST", der, sizeof der, &len, err_text));
    assert_int_equal(len, 3);
    assert_err(WB_ERR_TYPE,
               wb_pki_pem_load(path("other.pem"), "X509 CRL", der, sizeof der, &len, err_text));
    assert_non_null(strstr(err_text, "holds no block X509 CRL"));
    assert_err(WB_ERR_SPACE,
               wb_pki_pem_load(path("other.pem"), "CERTIFICATE REQUEST", der, 2, &len, err_text));
    write_file("other.pem", "no PEM");
    assert_err(WB_ERR_TYPE,
               wb_pki_pem_load(path("other.pem"), "CERTIFICATE", der, sizeof der, &len, err_text));
    assert_err(WB_ERR_NOT_FOUND,
               wb_pki_pem_load(path("absent.pem"), "CERTIFICATE", der, sizeof der, &len, err_text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PKI_TEST(ca_is_created_once_and_loaded_after),
        PKI_TEST(half_an_authority_is_never_replaced),
        PKI_TEST(authority_with_anothers_key_is_refused),
        PKI_TEST(keys_survive_saving),
        PKI_TEST(errors_name_file_and_reason),
        PKI_TEST(identity_of_two_halves_is_refused),
        PKI_TEST(server_certificate_is_renewed_when_needed_only),
        PKI_TEST(device_certificate_follows_its_name),
        PKI_TEST(anchors_come_from_file_and_authority_alike),
        PKI_TEST(ca_is_never_created_twice),
        PKI_TEST(renewed_certificate_says_the_same_for_longer),
        PKI_TEST(refuses_to_renew_what_it_did_not_issue_or_cannot_write),
        PKI_TEST(name_text_is_cut_and_never_runs_over),
        PKI_TEST(pem_files_of_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
