/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: api */
/* Objects of our kinds as anybody may write them: parse, validation, selectors, small texts. */
#include <stdlib.h>
#include <string.h>

#include "wb_api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void try_objects(const json_t *object)
{
    struct wb_api_problem problem = {0};
    struct wb_api_device device;
    struct wb_api_application application;
    struct wb_api_gateway gateway;
    if (wb_api_device_parse(&device, object, &problem) == WB_OK) {
        wb_api_device_deinit(&device);
    }
    if (wb_api_application_parse(&application, object, &problem) == WB_OK) {
        (void)wb_api_selector_matches(application.device_selector, application.meta.labels);
        wb_api_application_deinit(&application);
    }
    if (wb_api_gateway_parse(&gateway, object, &problem) == WB_OK) {
        wb_api_gateway_deinit(&gateway);
    }
    for (int id = 0; id < WB_API_KIND_COUNT; id++) {
        struct wb_api_problem other = {0};
        if (wb_api_validate(wb_api_kind_get((enum wb_api_kind_id)id), object, object, &other) !=
                WB_OK &&
            other.text[0] == '\0') {
            abort(); /* a refusal without a reason */
        }
    }
    char *yaml = wb_api_yaml_write(object);
    free(yaml);
}

static void try_texts(const char *text)
{
    uint8_t digest[32];
    uint8_t *bytes;
    size_t len;
    int64_t number;
    wb_ms ms;
    (void)wb_api_is_label_key(text);
    (void)wb_api_is_label_value(text);
    (void)wb_api_is_dns_subdomain(text);
    char again[WB_API_DIGEST_LEN + 1];
    if (wb_api_digest_read(text, digest) == WB_OK) {
        wb_api_digest_write(digest, again);
        if (strcmp(again, text) != 0) {
            abort();
        }
    }
    if (wb_api_time_read_micro(text, &number) == WB_OK) {
        char time[WB_API_TIME_CAP];
        wb_api_time_write_micro(number, time);
    }
    (void)!wb_api_duration_read(text, &ms);
    if (wb_api_base64_decode(text, strlen(text), 4096, &bytes, &len) == WB_OK) {
        free(wb_api_base64_encode(bytes, len));
        free(bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    json_t *object = json_loadb((const char *)data, len, 0, NULL);
    if (object != NULL) {
        try_objects(object);
        (void)!wb_api_selector_check(object, NULL);
        json_decref(object);
    }
    char *text = malloc(len + 1);
    if (text != NULL) {
        memcpy(text, data, len);
        text[len] = '\0';
        try_texts(text);
        free(text);
    }
    return 0;
}
