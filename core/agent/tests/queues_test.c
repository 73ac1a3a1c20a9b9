/* SPDX-License-Identifier: AGPL-3.0-only */
/* The agent's arena, outbox, inbox and texts. */
#include "wb_test.h"

#include "agent.h"

int main(void)
{
    return 0;
}
