/* SPDX-License-Identifier: AGPL-3.0-only */
/* Error texts and faults. */
#include "wb_base.h"

static const char *const texts[] = {
#define TEXT(code, text) text,
    WB_ERR_LIST(TEXT)
#undef TEXT
};
_Static_assert(WB_ARRAY_LEN(texts) == WB_ERR_COUNT, "one text an error");

const char *wb_err_str(enum wb_err err)
{
    return (unsigned)err < WB_ERR_COUNT ? texts[err] : "unknown error";
}

enum wb_err wb_fault_set(struct wb_fault *fault, enum wb_err code, const char *what,
                         const char *hint, uint32_t where0, uint32_t where1)
{
    if (fault == NULL) {
        return code;
    }
    if (fault->code == WB_OK) {
        *fault = (struct wb_fault){code, what, hint, {where0, where1}};
    }
    return fault->code;
}
