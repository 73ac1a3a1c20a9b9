/* SPDX-License-Identifier: AGPL-3.0-only */
#include "wb_test.h"

#include <unistd.h>

#include "wb_kube.h"

static const char good[] = "apiVersion: v1\n"
                           "kind: Config\n"
                           "current-context: main\n"
                           "clusters:\n"
                           "- name: c1\n"
                           "  cluster: {server: \"https://127.0.0.1:6443/\", "
                           "certificate-authority-data: UEVN}\n"
                           "- name: c2\n"
                           "  cluster:\n"
                           "    server: http://10.0.0.1:8001\n"
                           "    insecure-skip-tls-verify: true\n"
                           "users:\n"
                           "- name: u1\n"
                           "  user:\n"
                           "    token: 'secret'\n"
                           "- name: u2\n"
                           "  user:\n"
                           "    client-certificate-data: Q0VSVA==\n"
                           "    client-key-data: S0VZ\n"
                           "contexts:\n"
                           "- name: main\n"
                           "  context: {cluster: c1, user: u1, namespace: wasmbed}\n"
                           "- name: other\n"
                           "  context: {cluster: c2, user: u2}\n";

static void current_context_decides(void **state)
{
    (void)state;
    char text[WB_KUBE_ERR_CAP];
    struct wb_kube_config config;
    assert_ok(wb_kube_config_parse(good, strlen(good), "", NULL, &config, text, sizeof text));
    assert_string_equal(config.server, "https://127.0.0.1:6443");
    assert_string_equal(config.ca_pem, "PEM");
    assert_string_equal(config.token, "secret");
    assert_string_equal(config.namespace, "wasmbed");
    assert_false(config.insecure);
    wb_kube_config_deinit(&config);
    assert_ok(wb_kube_config_parse(good, strlen(good), "", "other", &config, text, sizeof text));
    assert_string_equal(config.server, "http://10.0.0.1:8001");
    assert_string_equal(config.client_cert_pem, "CERT");
    assert_string_equal(config.client_key_pem, "KEY");
    assert_null(config.token);
    assert_null(config.namespace);
    assert_true(config.insecure);
    wb_kube_config_deinit(&config);
    wb_kube_config_deinit(&config);
}

#define USER(text)                                                                                 \
    "current-context: m\ncontexts: [{name: m, context: {cluster: c, user: u}}]\n"                  \
    "clusters: [{name: c, cluster: {server: https://x}}]\nusers: [{name: u, user: {" text "}}]\n"

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    struct {
        const char *yaml;
        const char *words;
    } const cases[] = {
        {"", "not a kubeconfig"},
        {"[]", "not a kubeconfig"},
        {"a: [", "line "},
        {"a: &x 1\nb: *x\n", "aliases are not supported"},
        {"a: 1\na: 2\n", "line 2, column 1: this key occurs twice"},
        {"clusters: []", "no current-context"},
        {"current-context: m", "no context is named \"m\""},
        {"current-context: m\ncontexts: [{name: m, context: {cluster: c}}]",
         "no cluster is named \"c\""},
        {"current-context: m\ncontexts: [{name: m, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: 127.0.0.1}}]",
         "server must be a URL"},
        {"current-context: m\ncontexts: [{name: m, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: https://x, certificate-authority-data: '*'}}]",
         "certificate-authority-data: not base64"},
        {"current-context: m\ncontexts: [{name: m, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: https://x, certificate-authority: missing.pem}}]",
         "cannot read missing.pem: No such file"},
        {USER("exec: {command: aws}"), "exec and auth-provider are not supported"},
        {USER("client-key-data: S0VZ"), "go together"},
        {USER("tokenFile: /nowhere"), "tokenFile: cannot read /nowhere"},
        {"current-context: m\ncontexts: [{name: m, context: {cluster: c, user: v}}]\n"
         "clusters: [{name: c, cluster: {server: https://x}}]",
         "no user is named \"v\""},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        char text[WB_KUBE_ERR_CAP] = "";
        struct wb_kube_config config;
        enum wb_err err = wb_kube_config_parse(cases[i].yaml, strlen(cases[i].yaml), "", NULL,
                                               &config, text, sizeof text);
        assert_int_not_equal(err, WB_OK);
        if (strstr(text, cases[i].words) == NULL) {
            fail_msg("case %zu: wanted \"%s\", got \"%s\"", i, cases[i].words, text);
        }
    }
}

static void files_are_found_by_environment(void **state)
{
    (void)state;
    char folder[] = "/tmp/wb_kube_config_XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[128];
    char ca[128];
    snprintf(path, sizeof path, "%s/config", folder);
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    FILE *file = fopen(path, "w");
    fputs("current-context: m\ncontexts: [{name: m, context: {cluster: c}}]\n"
          "clusters: [{name: c, cluster: {server: https://x, certificate-authority: ca.pem}}]\n",
          file);
    fclose(file);
    file = fopen(ca, "w");
    fputs("TRUST", file);
    fclose(file);

    char text[WB_KUBE_ERR_CAP];
    char list[300];
    struct wb_kube_config config;
    snprintf(list, sizeof list, "/nowhere/a::%s", path);
    unsetenv("KUBERNETES_SERVICE_HOST");
    setenv("KUBECONFIG", list, 1);
    assert_ok(wb_kube_config_load(NULL, NULL, &config, text, sizeof text));
    assert_string_equal(config.ca_pem, "TRUST");
    assert_string_equal(config.origin, path);
    wb_kube_config_deinit(&config);

    setenv("KUBECONFIG", "/nowhere/a", 1);
    assert_err(WB_ERR_NOT_FOUND, wb_kube_config_load(NULL, NULL, &config, text, sizeof text));
    assert_non_null(strstr(text, "KUBECONFIG names no readable file: /nowhere/a"));
    unsetenv("KUBECONFIG");
    setenv("HOME", folder, 1);
    assert_err(WB_ERR_NOT_FOUND, wb_kube_config_load(NULL, NULL, &config, text, sizeof text));
    assert_non_null(strstr(text, "set KUBECONFIG"));
    setenv("KUBERNETES_SERVICE_HOST", "::1", 1);
    assert_err(WB_ERR_IO, wb_kube_config_load(NULL, NULL, &config, text, sizeof text));
    assert_non_null(strstr(text, "service account"));
    unsetenv("KUBERNETES_SERVICE_HOST");
    assert_err(WB_ERR_IO, wb_kube_config_load("/nowhere/x", NULL, &config, text, sizeof text));
    assert_string_equal(text, "/nowhere/x: No such file or directory");
    unlink(path);
    unlink(ca);
    rmdir(folder);
}

static void yaml_scalars_follow_the_core_schema(void **state)
{
    (void)state;
    const char yaml[] = "---\n"
                        "a: [1, -2, 1.5, 0x10, true, FALSE, ~, null, yes, 'true', \"1\", 1e3, .5, "
                        "1.2.3, 99999999999999999999, 2026-11-23, -, !!str 5]\n"
                        "b:\n  c: |\n    line\n"
                        "1: number key\n"
                        "---\n"
                        "---\n"
                        "second\n";
    json_t *documents;
    char text[WB_KUBE_ERR_CAP];
    assert_ok(wb_kube_yaml_read(yaml, strlen(yaml), &documents, text, sizeof text));
    char *json = json_dumps(documents, JSON_COMPACT | JSON_REAL_PRECISION(6));
    assert_string_equal(json, "[{\"a\":[1,-2,1.5,16,true,false,null,null,\"yes\",\"true\",\"1\","
                              "1000.0,0.5,\"1.2.3\",1e20,\"2026-11-23\",\"-\",\"5\"],"
                              "\"b\":{\"c\":\"line\\n\"},\"1\":\"number key\"},\"second\"]");
    free(json);
    json_decref(documents);
}

static void yaml_depth_is_bounded(void **state)
{
    (void)state;
    char yaml[256];
    memset(yaml, '[', 200);
    yaml[200] = '\0';
    json_t *documents;
    char text[WB_KUBE_ERR_CAP];
    assert_err(WB_ERR_LIMIT, wb_kube_yaml_read(yaml, 200, &documents, text, sizeof text));
    assert_non_null(strstr(text, "nested too deeply"));
    assert_err(WB_ERR_FORMAT, wb_kube_yaml_read("{[a]: 1}", 8, &documents, text, sizeof text));
    assert_err(WB_ERR_FORMAT, wb_kube_yaml_read("a: \xff", 4, &documents, text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(current_context_decides),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(files_are_found_by_environment),
        cmocka_unit_test(yaml_scalars_follow_the_core_schema),
        cmocka_unit_test(yaml_depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
