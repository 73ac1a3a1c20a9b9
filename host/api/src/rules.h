/* SPDX-License-Identifier: AGPL-3.0-only */
/* rules.h: the rules of our kinds as C; src/tables.c pairs each with its CEL text. */
#ifndef WB_API_RULES_H
#define WB_API_RULES_H

#include "wb_api.h"

bool rule_unchanged(const json_t *self, const json_t *old);
bool rule_name_is_label(const json_t *self, const json_t *old);
bool rule_one_of_module(const json_t *self, const json_t *old);
bool rule_one_of_source(const json_t *self, const json_t *old);
bool rule_selector_values(const json_t *self, const json_t *old);

#endif
