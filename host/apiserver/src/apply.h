/* SPDX-License-Identifier: AGPL-3.0-only */
/* apply.h: server-side apply and the managedFields it rests on. */
#ifndef AS_APPLY_H
#define AS_APPLY_H

#include "server.h"

/* What an apply leads to: old (NULL: nothing is there) with the wanted fields, less those that this
 * manager gave up, and with the new managedFields. New reference; NULL after an answer (409 for
 * conflicts). */
json_t *as_apply(struct as_call *c, json_t *wanted, const json_t *old);

/* Notes in metadata.managedFields which fields a write that is no apply changed (operation Update).
 * old: NULL on create. */
void as_apply_record_update(struct as_call *c, json_t *object, const json_t *old);

#endif
