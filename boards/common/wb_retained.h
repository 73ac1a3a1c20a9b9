/* SPDX-License-Identifier: AGPL-3.0-only */
/* wb_retained.h: what survives a reset in RAM: why the board restarted, and where.
 * Memory   one record in the section .retained, which start-up code neither clears nor loads
 * Integrity a magic and a sum; after power loss it reads as WB_RETAINED_POWER_ON
 */
#ifndef WB_RETAINED_H
#define WB_RETAINED_H

#include "wb_base.h"

enum wb_retained_reason {
    WB_RETAINED_POWER_ON,
    WB_RETAINED_RESTART, /* asked for: by command, or after an error that a restart mends */
    WB_RETAINED_ASSERT,  /* file and line say where */
    WB_RETAINED_FAULT,   /* cause, pc and address are the processor's own words */
};

struct wb_retained {
    uint32_t magic;
    uint32_t reason; /* enum wb_retained_reason */
    uint32_t line;
    uint32_t cause;
    uint32_t pc;
    uint32_t address;
    uint32_t resets; /* in a row without power loss */
    char file[24];
    uint32_t sum;
};

/* What the previous run left; call once, at start. Takes it: the record then says
 * WB_RETAINED_POWER_ON for a further call. */
struct wb_retained wb_retained_take(void);

/* For fault handlers of boards: keeps the processor's words and resets. */
_Noreturn void wb_retained_fault(uint32_t cause, uint32_t pc, uint32_t address);

/* Keeps WB_RETAINED_RESTART and resets; reason goes to the console. */
_Noreturn void wb_retained_restart(const char *reason);

#endif
