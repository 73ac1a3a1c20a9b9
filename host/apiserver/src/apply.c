/* SPDX-License-Identifier: AGPL-3.0-only */
/* apply.c: server-side apply. */
#include "apply.h"

json_t *as_apply(struct as_call *c, json_t *wanted, const json_t *old)
{
    (void)wanted;
    (void)old;
    as_reply_error(
        c, 415, "UnsupportedMediaType", NULL,
        "server-side apply is not supported yet; use kubectl apply without --server-side");
    return NULL;
}

void as_apply_record_update(struct as_call *c, json_t *object, const json_t *old)
{
    (void)c;
    (void)object;
    (void)old;
}
