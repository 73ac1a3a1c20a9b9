/* SPDX-License-Identifier: AGPL-3.0-only */
/* uses: net */
/* Query strings as they come with any request. */
#include <stdlib.h>
#include <string.h>

#include "wb_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    struct wb_http_query query;
    memcpy(text, data, len);
    text[len] = '\0';
    if (wb_http_query_init(&query, text) == WB_OK) {
        for (size_t i = 0; i < query.count; i++) {
            if (!wb_http_query_find(&query, query.pairs[i].name)) {
                abort(); /* a parameter that is there must be found */
            }
        }
        wb_http_query_deinit(&query);
    }
    free(text);
    return 0;
}
