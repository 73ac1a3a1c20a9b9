/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: kube */
/* kubeconfig files and other YAML that people hand to us. */
#include "wb_kube.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[WB_KUBE_ERR_CAP];
    struct wb_kube_config config;
    json_t *documents;
    if (wb_kube_yaml_read((const char *)data, len, &documents, text, sizeof text) == WB_OK) {
        json_decref(documents);
    }
    /* "/dev/null/": files that the text names cannot be opened */
    if (wb_kube_config_parse((const char *)data, len, "/dev/null", NULL, &config, text,
                             sizeof text) == WB_OK) {
        wb_kube_config_deinit(&config);
    }
    return 0;
}
