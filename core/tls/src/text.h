/* SPDX-License-Identifier: AGPL-3.0-only */
/* text.h: explanations for people. Hosts have them; a board keeps the code (and the alert) alone,
 * since the sentences would take 8 KB of its flash. */
#ifndef WB_TLS_TEXT_H
#define WB_TLS_TEXT_H

#if defined(WB_BOARD_BUILD)
#define TEXT(text) NULL
#else
#define TEXT(text) (text)
#endif

#endif
