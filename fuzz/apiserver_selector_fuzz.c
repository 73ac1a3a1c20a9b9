/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: apiserver */
/* Label and field selectors from queries, tried on some labels. */
#include <stdlib.h>
#include <string.h>

#include "../host/apiserver/src/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    char err[128];
    struct as_selector s;
    memcpy(text, data, len);
    text[len] = '\0';
    json_t *labels = json_pack("{s:s, s:s, s:s}", "a", "b", "n", "7", "metadata.name", "x");
    if (as_selector_parse(&s, text, err, sizeof(err)) == WB_OK) {
        (void)as_selector_matches(&s, labels);
        (void)as_selector_matches(&s, NULL);
        (void)as_selector_wanted(&s, "a");
        as_selector_deinit(&s);
    }
    if (as_field_selector_parse(&s, text, err, sizeof(err)) == WB_OK) {
        (void)as_field_selector_matches(&s, labels);
        (void)as_selector_wanted(&s, "metadata.name");
        as_selector_deinit(&s);
    }
    json_decref(labels);
    free(text);
    return 0;
}
